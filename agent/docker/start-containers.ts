// Brings back containers we stopped: in dependency order, found again even if they were replaced meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { ContainerInspectInfo } from 'dockerode'
import { messageOf } from 'db/domain/errors'
import { fingerprint } from './engine.ts'
import { waitUntilHealthy } from './health.ts'
import { startOrder } from './order.ts'
import type { StoppedContainer } from './stopped-container.ts'
import { within } from '../within.ts'

export interface StartReport {
  /** Those that could not be brought back, with the reason; empty when all are up. */
  failed: { container: StoppedContainer; reason: string }[]
  /** Names of those that somebody replaced by new ones, which are up. */
  replaced: string[]
  /** Up, but something is not as it was: unhealthy, or gone. */
  warnings: string[]
}

type Say = (text: string) => void

/** Docker's answer to a start is quick; what takes longer hangs. */
const startTimeoutMs = 60_000

/**
 * Starts what is not running, unpauses what we paused. A container that somebody removed is not missed.
 * `asked`: those that were asked to stop; null when an earlier process did the asking and nobody knows.
 * `engine`: the fingerprint of the engine they were stopped in; in another one, a container that is not there is
 * not gone. Never throws: what could not be started is in the report.
 *
 * A container that was asked to stop still runs for its grace period, even if the request was given up, and then stays
 * down whatever its restart policy. So one that may have been asked is waited for before it counts as up.
 */
export async function startContainers(
  docker: Docker,
  containers: StoppedContainer[],
  say: Say,
  asked: ReadonlySet<string> | null,
  engine = '',
): Promise<StartReport> {
  const report: StartReport = { failed: [], replaced: [], warnings: [] }
  const unsure: StoppedContainer[] = []
  const found = new Map<string, string>()
  for (const group of startOrder(containers)) {
    await Promise.all(
      group.map(async (container) => {
        for (const need of container.needs.filter((need) => need.healthy)) {
          const id = found.get(need.id)
          const unhealthy = id && (await waitUntilHealthy(docker, id).catch(messageOf))
          if (unhealthy)
            report.warnings.push(`${container.name} is started although what it waits for is not healthy: ${unhealthy}`)
        }
        try {
          if (asked?.has(container.id) && (await mayBeEnding(docker, container))) await waitForItsEnd(docker, container)
          else if (asked === null && (await mayBeEnding(docker, container))) unsure.push(container)
          const id = await bringBack(docker, container, report, say, engine)
          // one that was only frozen goes on as it was; checks that ran out meanwhile say nothing about it
          if (id && container.action === 'stop') found.set(container.id, id)
        } catch (error) {
          report.failed.push({ container, reason: messageOf(error) })
        }
      }),
    )
  }
  // after everything that is surely down has been started: most of these were never asked, and run on
  await Promise.all(
    unsure.map(async (container) => {
      try {
        await waitForItsEnd(docker, container)
        await bringBack(docker, container, report, say, engine)
      } catch (error) {
        report.failed.push({ container, reason: messageOf(error) })
      }
    }),
  )
  for (const id of found.values()) {
    const unhealthy = await waitUntilHealthy(docker, id).catch(messageOf)
    if (unhealthy && !report.warnings.some((warning) => warning.endsWith(unhealthy))) report.warnings.push(unhealthy)
  }
  return report
}

async function mayBeEnding(docker: Docker, container: StoppedContainer): Promise<boolean> {
  if (container.action !== 'stop') return false
  const present = await findAgain(docker, container).catch(() => null)
  return present?.Id === container.id && present.State.Running && present.State.StartedAt === container.started_at
}

/** As long as its grace period lasts, and a little for the engine. One that still runs then was never asked. */
async function waitForItsEnd(docker: Docker, container: StoppedContainer): Promise<void> {
  const patience = AbortSignal.timeout((container.grace + 5) * 1000)
  await docker
    .getContainer(container.id)
    .wait({ condition: 'not-running', abortSignal: patience })
    .catch(() => {})
}

/** Three tries: a port that is released late, or a daemon that is just restarting, must not leave a stack down. */
async function bringBack(
  docker: Docker,
  container: StoppedContainer,
  report: StartReport,
  say: Say,
  engine: string,
): Promise<string | null> {
  for (let attempt = 1; ; attempt++) {
    try {
      const present = await findAgain(docker, container)
      if (!present) {
        if (engine && (await fingerprint(docker)) !== engine)
          throw new Error('another Docker Engine answers, or one whose data are not there yet')
        report.warnings.push(await removedText(docker, container))
        return null
      }
      if (present.Id !== container.id && !report.replaced.includes(container.name)) report.replaced.push(container.name)
      if (present.State.Paused) {
        await docker.getContainer(present.Id).unpause({ abortSignal: AbortSignal.timeout(startTimeoutMs) })
        say(`Unpaused ${container.name}`)
      } else if (!present.State.Running) {
        await start(docker, present.Id)
        say(`Started ${container.name}`)
      }
      return present.Id
    } catch (error) {
      if (attempt === 3) throw error
      say(`Starting ${container.name} failed (${messageOf(error)}); trying again`)
      await sleep(attempt * 2000)
    }
  }
}

/** Nothing is ever pulled to bring a stack back: what would need that is left, and explained. */
async function removedText(docker: Docker, container: StoppedContainer): Promise<string> {
  const removed = `container ${container.name} was removed by somebody while it was stopped, and is not started`
  if (!container.image) return removed
  const isThere = await within(15_000, 'Docker', docker.getImage(container.image).inspect()).then(
    () => true,
    (error: unknown) => (error as { statusCode?: number }).statusCode !== 404,
  )
  if (isThere) return removed
  return `${removed}: a new one would need its image ${container.image}, which is not on this host, and images are not pulled for that`
}

async function start(docker: Docker, id: string): Promise<void> {
  try {
    await docker.getContainer(id).start({ abortSignal: AbortSignal.timeout(startTimeoutMs) })
  } catch (error) {
    // 304: it runs already
    if ((error as { statusCode?: number }).statusCode !== 304) throw error
  }
}

/** By id, then by name, then by Compose's labels: `up` may have made a new container in the meantime. */
async function findAgain(docker: Docker, container: StoppedContainer): Promise<ContainerInspectInfo | null> {
  for (const reference of [container.id, container.name]) {
    try {
      const present = await docker.getContainer(reference).inspect({ abortSignal: AbortSignal.timeout(startTimeoutMs) })
      if (reference === container.id || sameOrigin(present, container)) return present
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error
    }
  }
  if (!container.project) return null
  const [listed] = await docker.listContainers({
    all: true,
    abortSignal: AbortSignal.timeout(startTimeoutMs),
    filters: {
      label: [
        `com.docker.compose.project=${container.project}`,
        `com.docker.compose.service=${container.service}`,
        `com.docker.compose.container-number=${container.number}`,
      ],
    },
  })
  return listed ? docker.getContainer(listed.Id).inspect({ abortSignal: AbortSignal.timeout(startTimeoutMs) }) : null
}

function sameOrigin(present: ContainerInspectInfo, container: StoppedContainer): boolean {
  return (present.Config.Labels?.['com.docker.compose.project'] ?? '') === container.project
}

// Keeps an eye on the host: its stacks, its mounts, its Docker Engine.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { messageOf } from 'db/domain/errors'
import type { HostStatus } from 'db/domain/host'
import type { ReportedStack } from 'db/domain/stack'
import { discover } from './docker/discover.ts'
import {
  askDocker,
  dataRootOf,
  findOwnContainer,
  isInContainer,
  type Docker,
  type DockerState,
} from './docker/engine.ts'
import { onContainerEvent } from './docker/events.ts'
import { hostStatus } from './host-status.ts'
import type { Settings } from './settings.ts'

/** New folders make no event. */
const rescanMs = 30_000
/** A stack that starts makes many events. */
const settleMs = 500

export interface HostWatch {
  /** As last seen. */
  readonly status: HostStatus
  /** The status when it differs from the one last asked for, else null. */
  statusIfChanged(): Promise<HostStatus | null>
  /** Calls back with all stacks now and whenever they have changed. */
  onStacks(callback: (stacks: ReportedStack[]) => void): void
}

export async function watchHost(
  docker: Docker,
  settings: Settings,
  stop: AbortSignal,
  log: Logger,
): Promise<HostWatch> {
  const inContainer = await isInContainer()
  let stacks: ReportedStack[] = []
  let tell: ((stacks: ReportedStack[]) => void) | undefined
  let told = ''
  let given = ''
  let rescan = new AbortController()

  async function look(): Promise<HostStatus> {
    const state = await askDocker(docker)
    if (state.reachable) {
      try {
        return await lookAt(state, docker)
      } catch (error) {
        // it went away, or is still starting itself: folders can be looked at all the same
        return await lookAt({ reachable: false, version: '', reason: messageOf(error) }, null)
      }
    }
    return await lookAt(state, null)
  }

  async function lookAt(state: DockerState, reached: Docker | null): Promise<HostStatus> {
    const own = reached && (await findOwnContainer(reached))
    const dataRoot = reached ? await dataRootOf(reached) : '/var/lib/docker'
    const found = await discover({
      docker: reached,
      own,
      inContainer,
      stacksDirs: settings.stacksDirs,
      ownFolders: [settings.archivesDir, settings.stateDir],
      dataRoot,
    })
    stacks = found.stacks
    report()
    return hostStatus(state, found, settings.archivesDir, inContainer)
  }

  function report(): void {
    const text = JSON.stringify(stacks)
    if (!tell || text === told) return
    told = text
    tell(stacks)
  }

  let status = await look()
  given = JSON.stringify(status)

  void (async () => {
    while (!stop.aborted) {
      await sleep(rescanMs, undefined, { signal: AbortSignal.any([rescan.signal, stop]), ref: false }).catch(() =>
        sleep(settleMs),
      )
      rescan = new AbortController()
      await look()
        .then((seen) => (status = seen))
        .catch((error: unknown) => log.warn(`The host could not be looked at: ${messageOf(error)}`))
    }
  })()
  void onContainerEvent(docker, () => rescan.abort(), stop)

  return {
    get status() {
      return status
    },
    async statusIfChanged() {
      const text = JSON.stringify(withoutNoise(status))
      if (text === given) return null
      given = text
      return status
    },
    onStacks(callback) {
      tell = callback
      report()
    },
  }
}

/** Free space moves all the time; a change below a percent of the disk is no news. */
function withoutNoise(status: HostStatus): HostStatus {
  if (!status.disk) return status
  const step = Math.max(status.disk.total_bytes / 100, 1)
  return { ...status, disk: { ...status.disk, free_bytes: Math.round(status.disk.free_bytes / step) } }
}

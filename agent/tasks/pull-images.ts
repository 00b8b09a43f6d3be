// "Always pull images on start": once the stack runs again and its backup is made, its images are pulled; only when a new
// one has come are containers made anew. Whatever goes wrong, what ran runs: on the old images if need be.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerInspectInfo } from 'dockerode'
import { messageOf } from 'db/domain/errors'
import type { ArchiveStackPayload, PullResult } from 'db/domain/task'
import { runCompose, type ComposeEnd, type ComposeProject } from '../docker/compose-command.ts'
import { containersOf, inspectAll } from '../docker/discover.ts'
import { composeLabels } from '../docker/projects.ts'
import { startContainers, type StartReport } from '../docker/start-containers.ts'
import { chooseContainers, isOwn, nameOf, wasUp } from '../docker/stop-stack.ts'
import type { StoppedContainer } from '../docker/stopped-container.ts'
import type { TaskReport } from '../task-report.ts'
import { within } from '../within.ts'
import { isProgress } from './pull-output.ts'
import { projectOf, type ResolvedStack } from './resolve-stack.ts'
import type { Tools } from './tools.ts'

export interface Pulled {
  pull: PullResult
  /** Containers that are down now and were not before. */
  failed: StartReport['failed']
  warnings: string[]
}

/** Making containers anew waits for health checks, and for nothing longer than this. */
const upLimitMs = 15 * 60_000
/** What starts and ends at once has not started. */
const settleMs = 3_000
const keptLines = 40

interface Pulling {
  payload: ArchiveStackPayload
  stack: ResolvedStack
  tools: Tools
  report: TaskReport
  /** Writes the containers that may be down from now on into the journal. */
  journal(containers: StoppedContainer[]): Promise<void>
}

/** Never throws. An abort of `signal` ends the pulling, never the making of containers. */
export async function pullImages(pulling: Pulling, inactivityTimeout: number, signal: AbortSignal): Promise<Pulled> {
  const { report } = pulling
  const lines: string[] = []
  const failed = (status: PullResult['status'], reason: string): Pulled => {
    report.say('warn', `Images: ${reason}; the containers run on as they are`)
    return { pull: { status, reason, lines: lines.slice(-keptLines) }, failed: [], warnings: [`images: ${reason}`] }
  }
  try {
    const projects = await projectsThatRan(pulling)
    for (const { project, services } of projects) {
      report.say('info', `Pulling the images of ${services.join(', ')}`)
      const end = await runCompose(project, ['pull', '--ignore-buildable', ...services], {
        signal,
        inactivity: inactivityTimeout * 1000,
        onLine(line) {
          if (line.trim() === '' || isProgress(line)) return
          lines.push(line.trim())
          report.say('info', `pull: ${line.trim()}`)
        },
      })
      const trouble = troubleOf(end, lines)
      if ('gaveUp' in end && end.gaveUp === 'inactivity')
        return failed('timed_out', `pulling was given up after ${inactivityTimeout} s without output`)
      if ('gaveUp' in end) return failed('failed', `pulling was given up: ${messageOf(signal.reason)}`)
      if (trouble) return failed('failed', `pulling failed: ${trouble}`)
    }
    const pull: PullResult = { status: 'pulled', reason: '', lines: lines.slice(-keptLines) }
    const result: Pulled = { pull, failed: [], warnings: [] }
    for (const one of projects) await recreate(one, pulling, result)
    return result
  } catch (error) {
    return failed('failed', messageOf(error))
  }
}

interface RanProject {
  project: ComposeProject
  services: string[]
  /** What each ran: its image by name, and what that name meant. */
  ran: { service: string; image: string; id: string }[]
}

/** What ran before the archive, by project; usually one. Throws when it cannot be run again as it was. */
async function projectsThatRan({ payload, stack }: Pulling): Promise<RanProject[]> {
  const ran = stack.containers.filter((container) => wasUp(container) && !isOwn(container, stack.own))
  const byProject = Map.groupBy(ran, (container) => composeLabels(container.Config.Labels)?.project ?? '')
  byProject.delete('')
  return Promise.all(
    [...byProject].map(async ([name, containers]) => {
      const project = await projectOf(name, payload.stack.path, containers)
      const labels = containers.map((container) => composeLabels(container.Config.Labels))
      for (const [named, seen] of [
        [labels.flatMap((one) => one?.configFiles ?? []), project.files],
        [labels.flatMap((one) => one?.envFiles ?? []), project.envFiles],
      ] as const)
        if (named.length > 0 && seen.length === 0)
          throw new Error(
            `the agent cannot see ${[...new Set(named)].join(', ')}, from which project ${name} was started`,
          )
      return {
        project,
        services: [...new Set(labels.map((one) => one?.service ?? '').filter(Boolean))].sort(),
        ran: containers.map((container) => ({
          service: serviceOf(container),
          image: container.Config.Image,
          id: container.Image,
        })),
      }
    }),
  )
}

/** Never throws once a container may be down. */
async function recreate(ran: RanProject, pulling: Pulling, result: Pulled): Promise<void> {
  const { tools, report, stack } = pulling
  const { newer, absent } = await compareImages(ran, tools)
  for (const { service, image } of absent) {
    const text = `${service} is not made anew: its image ${image} is not on this host, and cannot be pulled`
    report.say('warn', text)
    result.warnings.push(text)
  }
  const services = ran.services.filter((service) => !absent.some((one) => one.service === service))
  const present = await ofProject(ran, services, pulling)
  if (present.length === 0)
    return report.say('info', `Project ${ran.project.name} was taken down by somebody meanwhile; it stays down`)
  const missing = services.filter((service) => !present.some((container) => serviceOf(container) === service))
  if (newer.length === 0 && missing.length === 0)
    return report.say('info', 'All images are up to date; no container is made anew')
  report.say('info', `New: ${[...newer, ...missing].join(', ')}. Making containers anew`)

  const before = chooseContainers(present, present, 'stop', stack.own)
  await pulling.journal(before)
  let down: StartReport['failed']
  try {
    let trouble = await up(ran, services, present, pulling)
    down = await bringAllUp(before, pulling, result)
    if (trouble || down.length > 0) {
      const what = trouble || `${down.map(({ container }) => container.name).join(', ')} did not stay up`
      report.say('error', `With the new images: ${what}. Going back to the images before`)
      for (const { image, id } of ran.ran) await putBack(image, id, tools)
      trouble = await up(ran, services, present, pulling)
      if (trouble) report.say('error', `With the images before: ${trouble}`)
      down = await bringAllUp(before, pulling, result)
      result.warnings.push(`new images were pulled, but ${what}; the containers run on the images before`)
    }
  } catch (error) {
    // nobody knows what is down: the agent looks until it does
    down = before.map((container) => ({ container, reason: messageOf(error) }))
  }
  for (const { container, reason } of down)
    report.say('error', `${container.name} could not be started: ${reason}. The agent keeps trying until it runs`)
  result.failed.push(...down)
}

async function compareImages({ ran }: RanProject, tools: Tools) {
  const newer = new Set<string>()
  const absent: RanProject['ran'] = []
  for (const one of ran) {
    const image = await within(30_000, 'Docker', tools.docker.getImage(one.image).inspect()).catch((error: unknown) => {
      if ((error as { statusCode?: number }).statusCode === 404) return null
      throw error
    })
    if (!image) absent.push(one)
    else if (image.Id !== one.id) newer.add(one.image)
  }
  return { newer: [...newer], absent }
}

/** Named services only, and only they: what their owner had stopped stays stopped. As many of each as there are. */
async function up(
  ran: RanProject,
  services: string[],
  present: ContainerInspectInfo[],
  { report }: Pulling,
): Promise<string> {
  const lines: string[] = []
  const scale = services.flatMap((service) => {
    const count = present.filter((container) => serviceOf(container) === service).length
    return ['--scale', `${service}=${Math.max(count, 1)}`]
  })
  const options = ['--detach', '--pull', 'never', '--no-build', '--no-deps', ...scale]
  const end = await runCompose(ran.project, ['up', ...options, ...services], {
    limit: upLimitMs,
    onLine(line) {
      if (line.trim() === '') return
      lines.push(line.trim())
      report.say('info', `up: ${line.trim()}`)
    },
  })
  return troubleOf(end, lines)
}

/** Whatever Compose made of it: each container that ran is looked for, started if it is down, and given time to be healthy. */
async function bringAllUp(
  before: StoppedContainer[],
  { tools, report, stack }: Pulling,
  result: Pulled,
): Promise<StartReport['failed']> {
  const started = await startContainers(
    tools.docker,
    before,
    (text) => report.say('info', text),
    new Set<string>(),
    stack.engine,
  )
  for (const warning of started.warnings) report.say('warn', warning)
  result.warnings.push(...started.warnings)
  await sleep(settleMs)
  const all = await within(60_000, 'Docker', inspectAll(tools.docker))
  const ended = before.filter(({ id, name, project, service, number }) => {
    const now = all.find(
      (one) =>
        one.Id === id ||
        nameOf(one) === name ||
        (labelOf(one, 'project') === project &&
          labelOf(one, 'service') === service &&
          labelOf(one, 'container-number') === number),
    )
    return !now?.State.Running || now.State.Restarting
  })
  const known = started.failed.map(({ container }) => container.id)
  return [
    ...started.failed,
    ...ended
      .filter(({ id }) => !known.includes(id))
      .map((container) => ({ container, reason: 'it ended right after it was started' })),
  ]
}

async function ofProject(
  { project }: RanProject,
  services: string[],
  { tools }: Pulling,
): Promise<ContainerInspectInfo[]> {
  const all = await within(60_000, 'Docker', inspectAll(tools.docker))
  return (await containersOf(project.directory, all)).filter(
    (container) =>
      labelOf(container, 'project') === project.name &&
      labelOf(container, 'oneoff') !== 'True' &&
      services.includes(serviceOf(container)),
  )
}

async function putBack(name: string, id: string, tools: Tools): Promise<void> {
  // a name with a digest always means the same image
  if (name.includes('@')) return
  const colon = name.lastIndexOf(':')
  const [repo, tag] = colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, 'latest']
  await within(30_000, 'Docker', tools.docker.getImage(id).tag({ repo, tag }))
}

function troubleOf(end: ComposeEnd, lines: string[]): string {
  if ('error' in end)
    return 'code' in end.error && end.error.code === 'ENOENT'
      ? 'the docker command is not installed beside the agent'
      : end.error.message
  if ('gaveUp' in end) return 'Docker Compose did not come to an end'
  return end.code === 0 ? '' : (lines.at(-1) ?? `exit code ${end.code}`)
}

function serviceOf(container: ContainerInspectInfo): string {
  return labelOf(container, 'service')
}

function labelOf(container: ContainerInspectInfo, name: string): string {
  return container.Config.Labels?.[`com.docker.compose.${name}`] ?? ''
}

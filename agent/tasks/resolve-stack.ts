// Step 1: what the stack is right now: its containers, what of them is stopped, what is archived and what is not.
import { stat } from 'node:fs/promises'
import type { ContainerInspectInfo, VolumeInspectInfo } from 'dockerode'
import type { ArchiveStackPayload } from 'db/domain/task'
import type { ComposeProject } from '../docker/compose-command.ts'
import { composeConfig, type ComposeConfig } from '../docker/compose-config.ts'
import { containersOf, inspectAll, otherWriters } from '../docker/discover.ts'
import {
  askDocker,
  findOwnContainer,
  fingerprint,
  isInContainer,
  isPodman,
  dataRootOf,
  onHost,
  type OwnContainer,
} from '../docker/engine.ts'
import { composeLabels } from '../docker/projects.ts'
import { chooseContainers, nameOf, wasUp } from '../docker/stop-stack.ts'
import type { StoppedContainer } from '../docker/stopped-container.ts'
import type { TaskReport } from '../task-report.ts'
import { bindSources, fileSources } from './outside-sources.ts'
import { refuseUnstartable } from './refuse-unstartable.ts'
import { directorySource, volumeSources, volumesToHold, type StackSource } from './stack-sources.ts'
import type { Tools } from './tools.ts'

export interface ResolvedStack {
  was_running: boolean
  /** What has to be stopped or paused; empty in live mode and when nothing runs. */
  toStop: StoppedContainer[]
  /** The container this agent runs in; null outside one. */
  own: OwnContainer | null
  /** Fingerprint of the Docker Engine. */
  engine: string
  /** The stack's directory first, then its volumes, then what lies elsewhere. */
  sources: StackSource[]
  /** Volumes that lose what they hold when `toStop` is stopped and nothing else uses them. */
  held: string[]
  containers: ContainerInspectInfo[]
  volumes: VolumeInspectInfo[]
  notCovered: string[]
  compose: ComposeConfig
  /** What makes the backup less than it should be. */
  warnings: string[]
}

/** Throws, before anything is touched, when the stack cannot be archived as its archive asks. */
export async function resolveStack(
  payload: ArchiveStackPayload,
  tools: Tools,
  report: TaskReport,
): Promise<ResolvedStack> {
  const { stack, archive } = payload
  const directory = await stat(stack.path).catch(() => null)
  if (!directory?.isDirectory()) throw new Error(`The directory of the stack, ${stack.path}, is not there`)

  const docker = await askDocker(tools.docker)
  if (!docker.reachable) {
    if (archive.mode !== 'live')
      throw new Error(`${docker.reason}. The archive stops containers, which cannot be done now; nothing was touched`)
    return {
      was_running: false,
      toStop: [],
      own: null,
      engine: '',
      sources: [directorySource(stack.path, null)],
      held: [],
      containers: [],
      volumes: [],
      notCovered: [],
      compose: { text: null, volumes: [], files: [], problem: docker.reason, broken: false },
      warnings: [`${docker.reason}: only the directory is archived, and nothing is known of volumes`],
    }
  }

  const own = await findOwnContainer(tools.docker)
  if (archive.mode !== 'live' && !own && (await isInContainer()))
    throw new Error(
      'The agent cannot find the container it runs in, so it cannot rule out stopping itself; nothing was touched',
    )
  const all = await inspectAll(tools.docker)
  const containers = await containersOf(stack.path, all)
  if (archive.mode !== 'live') await refuseForeignControl(tools, containers)
  const compose = await composeConfig(await projectOf(stack.project, stack.path, containers))
  const volumes = (await tools.docker.listVolumes()).Volumes
  const around = {
    stack: onHost(stack.path, own) ?? stack.path,
    volumes,
    dataRoot: await dataRootOf(tools.docker),
    ours: [tools.archivesDir, tools.stateDir].flatMap((folder) => onHost(folder, own) ?? []),
  }
  const files = await fileSources(payload, containers, compose, own)
  const binds = bindSources(payload, containers, files, around)
  const coverage = await volumeSources(payload, containers, compose, volumes)
  const warnings = [...coverage.warnings, ...ownStackWarnings(containers, own, payload)]
  if (compose.broken) warnings.push(`the compose file could not be resolved: ${compose.problem}`)
  else if (compose.problem)
    report.say('info', `Volumes of services without a container are not known: ${compose.problem}`)

  const writers = otherWriters(
    stack.path,
    containers,
    all.filter(({ Id }) => Id !== own?.id),
  )
  for (const writer of writers) report.say('warn', `${writer} also uses this directory, and is not stopped`)
  if (writers.length > 0 && containers.length === 0)
    warnings.push(`none of its containers could be told by its directory, but ${writers.join(', ')} runs and uses it`)

  const up = containers.filter(wasUp)
  report.say(
    'info',
    up.length > 0 ? `Running: ${up.map(nameOf).sort().join(', ')}` : 'Nothing of this stack is running',
  )
  const toStop = archive.mode === 'live' ? [] : chooseContainers(containers, all, archive.mode, own)
  await refuseUnstartable(toStop, all, own, around.dataRoot)
  return {
    was_running: up.length > 0,
    toStop,
    own,
    engine: await fingerprint(tools.docker).catch(() => ''),
    sources: [directorySource(stack.path, own), ...coverage.sources, ...binds.sources, ...files],
    held: volumesToHold(toStop, all, volumes),
    containers,
    volumes: coverage.volumes,
    notCovered: [...coverage.notCovered, ...binds.notCovered],
    compose,
    warnings,
  }
}

/** An orchestrator would start at once, elsewhere or anew, what we stop. */
async function refuseForeignControl(tools: Tools, containers: ContainerInspectInfo[]): Promise<void> {
  const swarm = containers.find((container) => container.Config.Labels?.['com.docker.swarm.service.id'])
  if (swarm)
    throw new Error(
      `${nameOf(swarm)} belongs to a Swarm service, which Swarm would start again at once. Use the mode live for this stack; nothing was touched`,
    )
  const unit = containers.find((container) => container.Config.Labels?.['PODMAN_SYSTEMD_UNIT'])
  if (unit && (await isPodman(tools.docker)))
    throw new Error(
      `${nameOf(unit)} is run by systemd, which would start it again at once. Use the mode live for this stack; nothing was touched`,
    )
}

function ownStackWarnings(
  containers: ContainerInspectInfo[],
  own: OwnContainer | null,
  payload: ArchiveStackPayload,
): string[] {
  const isOwn =
    own?.project && containers.some((container) => composeLabels(container.Config.Labels)?.project === own.project)
  if (!isOwn || payload.archive.mode === 'live') return []
  return [
    'this is the stack Docker Archiver itself runs in: its containers are never stopped, so its files are archived as they change',
  ]
}

/** With the files its containers were made from; those Compose finds itself when the agent cannot see them all. */
export async function projectOf(
  name: string,
  directory: string,
  containers: ContainerInspectInfo[],
): Promise<ComposeProject> {
  const labels = containers.map((container) => composeLabels(container.Config.Labels)).filter((one) => one !== null)
  return {
    name,
    directory,
    files: await present(labels.flatMap(({ configFiles }) => configFiles)),
    envFiles: await present(labels.flatMap(({ envFiles }) => envFiles)),
  }
}

async function present(files: string[]): Promise<string[]> {
  const distinct = [...new Set(files)]
  const found = await Promise.all(distinct.map((file) => stat(file).catch(() => null)))
  return found.every((file) => file?.isFile()) ? distinct : []
}

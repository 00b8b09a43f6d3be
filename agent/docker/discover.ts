// Finds the stacks of this host: folders with a compose file, and projects that Docker runs.
import { realpath, stat } from 'node:fs/promises'
import type Docker from 'dockerode'
import type { ContainerInspectInfo, VolumeInspectInfo } from 'dockerode'
import type { ScannedMount, UnreachableProject } from 'db/domain/host'
import { counted } from 'db/domain/size'
import type { ReportedStack } from 'db/domain/stack'
import { coverageOf } from './coverage.ts'
import { onHost, type OwnContainer } from './engine.ts'
import { isHelper } from './helper-container.ts'
import { composeLabels, locateProject } from './projects.ts'
import { scanFolder } from './scan.ts'
import { bindMounts, judgeMounts } from './scan-roots.ts'
import { nameOf } from './stop-stack.ts'

export interface Discovery {
  stacks: ReportedStack[]
  mounts: ScannedMount[]
  unreachable_projects: UnreachableProject[]
}

export interface DiscoverOptions {
  /** Null when Docker cannot be reached: then only folders are looked at. */
  docker: Docker | null
  own: OwnContainer | null
  inContainer: boolean
  stacksDirs: string[]
  /** Folders that are the agent's own and never searched: archives, its state. */
  ownFolders: string[]
  /** Docker's own folder, not searched either. */
  dataRoot: string
}

export async function discover(options: DiscoverOptions): Promise<Discovery> {
  const roots = options.inContainer
    ? await bindMounts(options.own)
    : options.stacksDirs.map((folder) => ({ path: folder, source: folder }))
  const mounts = judgeMounts(roots, options.inContainer ? [...options.ownFolders, options.dataRoot] : [])
  const stacks = new Map<string, ReportedStack>()
  for (const mount of mounts.filter((mount) => mount.verdict === 'scanned')) {
    const found = await scanFolder(mount.path)
    mount.stacks = found.stacks.length
    Object.assign(mount, problemOf(mount.path, found.problem, found.unprintable))
    for (const stack of found.stacks) {
      if (!stacks.has(stack.path))
        stacks.set(stack.path, { ...stack, project: projectName(stack.name), containers: [], mounts: [], own: false })
    }
  }
  const unreachable_projects = options.docker ? await addContainers(options.docker, options, stacks) : []
  return { stacks: [...stacks.values()], mounts, unreachable_projects }
}

/** All containers of the host, as inspected, but for our helpers; one that is removed meanwhile is left out. */
export async function inspectAll(docker: Docker): Promise<ContainerInspectInfo[]> {
  const listed = await docker.listContainers({ all: true, abortSignal: AbortSignal.timeout(30_000) })
  const inspected = await Promise.all(
    listed.map(({ Id }) =>
      docker
        .getContainer(Id)
        .inspect({ abortSignal: AbortSignal.timeout(30_000) })
        .catch(() => null),
    ),
  )
  return inspected.filter((container) => container !== null).filter((container) => !isHelper(container))
}

/** The containers that belong to a directory, whatever their project is called. */
export async function containersOf(stackPath: string, all: ContainerInspectInfo[]): Promise<ContainerInspectInfo[]> {
  const located = await Promise.all(
    all.map(async (container) => {
      const labels = composeLabels(container.Config.Labels)
      return labels && (await directoryOf(labels, all))
    }),
  )
  // by device and inode: the same directory may be mounted or linked under several paths
  const wanted = await identityOf(stackPath)
  const identities = await Promise.all(located.map((directory) => directory && identityOf(directory.path)))
  return all.filter((_, index) => identities[index] && identities[index] === wanted)
}

async function identityOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null)
  return found ? `${found.dev}:${found.ino}` : ''
}

/** Running containers that are not the stack's and may write to its directory, as "name (project)". */
export function otherWriters(
  stackPath: string,
  ofStack: ContainerInspectInfo[],
  all: ContainerInspectInfo[],
): string[] {
  return all
    .filter((container) => container.State.Running && !ofStack.includes(container))
    .filter((container) =>
      container.Mounts.some(
        (mount) => mount.RW && (mount.Source === stackPath || mount.Source.startsWith(`${stackPath}/`)),
      ),
    )
    .map((container) => {
      const labels = composeLabels(container.Config.Labels)
      return labels ? `${nameOf(container)} (project ${labels.project})` : nameOf(container)
    })
}

async function directoryOf(labels: NonNullable<ReturnType<typeof composeLabels>>, all: ContainerInspectInfo[]) {
  const located = await locateProject(
    labels,
    all.filter((container) => container.State.Running),
  )
  if (located) return located
  // the compose file may have been renamed since; the directory still says where the containers belong
  const path = labels.workingDir && (await realpath(labels.workingDir).catch(() => null))
  return path ? { path, compose_file: '' } : null
}

async function addContainers(
  docker: Docker,
  { own, ownFolders, dataRoot }: DiscoverOptions,
  stacks: Map<string, ReportedStack>,
): Promise<UnreachableProject[]> {
  const all = await inspectAll(docker)
  const volumes: VolumeInspectInfo[] = (await docker.listVolumes()).Volumes
  const ours = ownFolders.flatMap((folder) => onHost(folder, own) ?? [])
  const unreachable = new Map<string, UnreachableProject>()
  for (const container of all) {
    const labels = composeLabels(container.Config.Labels)
    if (!labels) continue
    const directory = await directoryOf(labels, all)
    const isOwn = own !== null && own.project === labels.project
    if (!directory || (!stacks.has(directory.path) && !directory.compose_file)) {
      if (!isOwn) unreachable.set(labels.project, unreachableProject(labels.project, labels.workingDir))
      continue
    }
    const stack = stacks.get(directory.path) ?? {
      path: directory.path,
      name: directory.path.split('/').at(-1) ?? labels.project,
      compose_file: directory.compose_file,
      project: labels.project,
      kind: 'project' as const,
      containers: [],
      mounts: [],
      own: false,
    }
    stacks.set(directory.path, stack)
    stack.project = labels.project
    stack.own ||= isOwn
    stack.containers.push({
      id: container.Id,
      name: nameOf(container),
      service: labels.service,
      image: container.Config.Image,
      state: container.State.Status,
      health: container.State.Health?.Status ?? '',
    })
    for (const mount of container.Mounts) {
      const around = { stack: onHost(stack.path, own) ?? stack.path, volumes, dataRoot, ours }
      const covered = coverageOf(labels.service, mount, around)
      if (!stack.mounts.some((known) => known.service === covered.service && known.destination === covered.destination))
        stack.mounts.push(covered)
    }
  }
  return [...unreachable.values()]
}

function unreachableProject(project: string, workingDir: string): UnreachableProject {
  return {
    project,
    working_dir: workingDir,
    text: workingDir
      ? `Docker runs the project "${project}", but its directory ${workingDir} is not visible to the agent. Mount it under the same path: "${workingDir}:${workingDir}".`
      : `Docker runs the project "${project}", which does not say in which directory its compose file lies.`,
  }
}

function problemOf(path: string, problem: 'missing' | 'unreadable' | null, unprintable: number): Partial<ScannedMount> {
  if (problem === 'missing') return { verdict: 'missing', text: `There is no folder ${path}.` }
  if (problem === 'unreadable') return { verdict: 'unreadable', text: `The agent may not read ${path}.` }
  if (unprintable > 0)
    return {
      text: `${counted(unprintable, 'folder')} in ${path} passed over: a name that is not UTF-8 cannot be shown or stored. Rename to have it searched.`,
    }
  return {}
}

/** How Compose names a project after its directory. */
export function projectName(directory: string): string {
  return directory
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
}

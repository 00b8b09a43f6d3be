// The connection to the Docker Engine, and what it says of itself.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { messageOf } from 'db/domain/errors'
import Docker from 'dockerode'
import { within } from '../within.ts'

export type { Docker }

/** DOCKER_HOST is honoured as the docker command does. Connects on first use. */
export function connectDocker(): Docker {
  return new Docker()
}

export interface DockerState {
  reachable: boolean
  version: string
  /** Why it is not reachable, in words; empty when it is. */
  reason: string
}

export async function askDocker(docker: Docker): Promise<DockerState> {
  try {
    // a paused daemon accepts connections and never answers
    await docker.listContainers({ limit: 1, abortSignal: AbortSignal.timeout(5000) })
    const answer = await within(5000, 'Docker', docker.version())
    return { reachable: true, version: answer.Version, reason: '' }
  } catch (error) {
    return { reachable: false, version: '', reason: explain(error) }
  }
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  const where = process.env['DOCKER_HOST'] || '/var/run/docker.sock'
  if (code === 'ENOENT') return `Docker is not installed or does not run: there is no ${where}`
  if (code === 'ECONNREFUSED') return `Docker does not run: nobody answers at ${where}`
  if (code === 'EACCES') return `The agent may not use ${where}: run it as root or as a member of the group docker`
  if (error instanceof Error && error.name === 'AbortError') return `Docker did not answer at ${where} within 5 seconds`
  return `Docker cannot be reached at ${where}: ${messageOf(error)}`
}

/**
 * Tells engines, and data roots of one engine, apart: the network "host" is made once for each data root and lives as
 * long, while the engine's own id may be kept elsewhere. Empty when the engine does not say.
 */
export async function fingerprint(docker: Docker): Promise<string> {
  const { ID = '' } = (await within(15_000, 'Docker', docker.info())) as { ID?: string }
  const networks = await within(15_000, 'Docker', docker.listNetworks({ filters: { type: ['builtin'] } }))
  return ID && `${ID} ${networks.find(({ Name }) => Name === 'host')?.Id ?? ''}`
}

/** Docker's own folder. */
export async function dataRootOf(docker: Docker): Promise<string> {
  return ((await docker.info()) as { DockerRootDir?: string }).DockerRootDir ?? '/var/lib/docker'
}

/** Podman's socket speaks Docker's protocol; what systemd runs for it is not ours to stop. */
export async function isPodman(docker: Docker): Promise<boolean> {
  const version = (await docker.version()) as { Components?: { Name: string }[] }
  return version.Components?.some((component) => component.Name.startsWith('Podman')) ?? false
}

export interface OwnContainer {
  id: string
  /** Our own Compose project; empty when the container was started without Compose. */
  project: string
  /** Its image's id. */
  image: string
  mounts: OwnMount[]
}

export interface OwnMount {
  type: 'bind' | 'volume'
  /** Of a volume. */
  name: string
  /** Path on the host. */
  source: string
  destination: string
}

/** The mount that a path of ours lies in. */
export function mountOf(path: string, own: OwnContainer): OwnMount | undefined {
  const above = own.mounts.filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
  return above.sort((one, other) => other.destination.length - one.destination.length)[0]
}

/** The host's name for a path of ours; null when it lies in no mount. */
export function onHost(path: string, own: OwnContainer | null): string | null {
  if (!own) return path
  const mount = mountOf(path, own)
  return mount ? mount.source + path.slice(mount.destination.length) : null
}

/** True when this process runs inside a container. The marker file alone is not enough: machines made from images keep it. */
export async function isInContainer(): Promise<boolean> {
  if (!existsSync('/.dockerenv') && !existsSync('/run/.containerenv')) return false
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8')
  return mountinfo.split('\n').some((line) => engineMounts.includes(line.split(' ')[4] ?? ''))
}

/** Files that an engine mounts into every container. */
const engineMounts = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf']

/** The container this process runs in, found by its id and never by a name; null outside one. */
export async function findOwnContainer(docker: Docker): Promise<OwnContainer | null> {
  if (!(await isInContainer())) return null
  for (const id of [ownIdFromMounts(await readFile('/proc/self/mountinfo', 'utf8')), hostname()]) {
    if (!id) continue
    const own = await docker
      .getContainer(id)
      .inspect({ abortSignal: AbortSignal.timeout(15_000) })
      .catch((error: unknown) => {
        // only a container that is not there is none: taking ourselves for nobody would let us stop ourselves
        if ((error as { statusCode?: number }).statusCode === 404) return null
        throw error
      })
    if (!own) continue
    return {
      id: own.Id,
      project: own.Config.Labels?.['com.docker.compose.project'] ?? '',
      image: own.Image,
      mounts: own.Mounts.flatMap((mount) => {
        const type = mount.Type as string
        if (type !== 'bind' && type !== 'volume') return []
        return { type, name: mount.Name ?? '', source: mount.Source, destination: mount.Destination }
      }),
    }
  }
  return null
}

/** Docker mounts /etc/hostname from a folder named after the container's id. */
export function ownIdFromMounts(mountinfo: string): string {
  for (const line of mountinfo.split('\n')) {
    const [, , , root = '', target = ''] = line.split(' ')
    const id = /\/containers\/([0-9a-f]{64})\//.exec(root)?.[1]
    if (id && engineMounts.includes(target)) return id
  }
  return ''
}

// Which mounts of a stack's containers a backup holds, and why not. Pure.
import type { ContainerInspectInfo, VolumeInspectInfo } from 'dockerode'
import type { StackMount } from 'db/domain/stack'

type Mount = Pick<ContainerInspectInfo['Mounts'][number], 'Source' | 'Destination' | 'Driver' | 'Name'> & {
  Type?: string
}

/** Docker's names for volumes nobody named. */
const anonymous = /^[0-9a-f]{64}$/

/** What the verdict depends on, all as paths on the host. */
export interface Surroundings {
  /** The directory of the stack. */
  stack: string
  volumes: VolumeInspectInfo[]
  /** Docker's own folder. */
  dataRoot: string
  /** Folders of Docker Archiver. */
  ours: string[]
}

export function coverageOf(service: string, mount: Mount, around: Surroundings): StackMount {
  const type = mount.Type ?? 'bind'
  const volume = type === 'volume' ? around.volumes.find((candidate) => candidate.Name === mount.Name) : undefined
  const source = type === 'volume' ? (mount.Name ?? '') : mount.Source
  const verdict =
    type === 'bind'
      ? judgeBind(mount, around)
      : type === 'volume'
        ? judgeVolume(source, volume)
        : { covered: false, on_request: false, why: `a mount of type ${type} lives in memory only` }
  return { service, type, source, destination: mount.Destination, ...verdict }
}

type Verdict = Pick<StackMount, 'covered' | 'why' | 'on_request'>

function judgeBind({ Source, Destination }: Mount, { stack, dataRoot, ours }: Surroundings): Verdict {
  if (isBelow(Source, stack)) return { covered: true, why: 'in the directory of the stack' }
  // where Compose puts the secrets that its files name
  if (isBelow(Destination, '/run/secrets')) return { covered: true, why: 'a secret of the compose file' }
  const refused = refusal(Source, ours, dataRoot)
  if (refused) return { covered: false, on_request: false, why: refused }
  return { covered: false, on_request: true, why: 'outside the directory of the stack' }
}

/** Of the system: what is in them is made anew at each start. */
const system = ['/proc', '/sys', '/dev', '/run', '/var/run']

/** Why a bind mount is in no backup, whatever an archive asks for; empty when one may hold it. */
function refusal(source: string, ours: string[], dataRoot: string): string {
  if (source === '/') return 'the whole host'
  if (source.endsWith('/docker.sock')) return 'the socket of Docker'
  if (system.some((folder) => isBelow(source, folder))) return 'a folder of the running system'
  if (isBelow(source, dataRoot) || isBelow(dataRoot, source)) return 'it belongs to Docker itself'
  if (ours.some((folder) => isBelow(source, folder))) return 'it belongs to Docker Archiver itself'
  return ''
}

function judgeVolume(name: string, volume: VolumeInspectInfo | undefined): Verdict {
  if (!volume) return { covered: false, why: 'Docker does not know this volume' }
  if (isAnonymous(name)) return { covered: true, why: 'an anonymous volume, named after its service in the backup' }
  if (livesInMemory(volume)) return { covered: true, why: 'a volume in memory: held while its containers are stopped' }
  if (volume.Driver !== 'local') return { covered: true, why: `a volume of the driver ${volume.Driver}` }
  if (isMounted(volume)) return { covered: true, why: 'a volume with driver options: held while it is read' }
  return { covered: true, why: 'a named volume' }
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

export function isAnonymous(name: string): boolean {
  return anonymous.test(name)
}

/** Whether Docker mounts something for it, and only while a container uses it; others are a plain folder. */
export function isMounted(volume: VolumeInspectInfo): boolean {
  return volume.Driver !== 'local' || Boolean(volume.Options?.['device'] || volume.Options?.['type'])
}

/** Whether its content is gone once no container uses it. */
export function livesInMemory(volume: VolumeInspectInfo): boolean {
  return volume.Driver === 'local' && ['tmpfs', 'ramfs'].includes(volume.Options?.['type'] ?? '')
}

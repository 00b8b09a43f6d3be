// Which mounts of a stack's containers a backup holds, and why not. Pure.
import type { ContainerInspectInfo, VolumeInspectInfo } from 'dockerode'
import type { StackMount } from 'db/domain/stack'

type Mount = Pick<ContainerInspectInfo['Mounts'][number], 'Source' | 'Destination' | 'Driver' | 'Name'> & {
  Type?: string
}

/** Docker's names for volumes nobody named. */
const anonymous = /^[0-9a-f]{64}$/

export function coverageOf(service: string, mount: Mount, stackPath: string, volumes: VolumeInspectInfo[]): StackMount {
  const type = mount.Type ?? 'bind'
  const volume = type === 'volume' ? volumes.find((candidate) => candidate.Name === mount.Name) : undefined
  const source = type === 'volume' ? (mount.Name ?? '') : mount.Source
  const verdict =
    type === 'bind'
      ? judgeBind(mount.Source, stackPath)
      : type === 'volume'
        ? judgeVolume(source, volume)
        : { covered: false, why: `a mount of type ${type} lives in memory only` }
  return { service, type, source, destination: mount.Destination, ...verdict }
}

function judgeBind(source: string, stackPath: string): { covered: boolean; why: string } {
  if (isBelow(source, stackPath)) return { covered: true, why: 'in the directory of the stack' }
  return { covered: false, why: 'outside the directory of the stack' }
}

function judgeVolume(name: string, volume: VolumeInspectInfo | undefined): { covered: boolean; why: string } {
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

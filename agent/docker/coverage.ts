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
  if (source === stackPath || source.startsWith(`${stackPath}/`))
    return { covered: true, why: 'in the directory of the stack' }
  return { covered: false, why: 'outside the directory of the stack' }
}

/** Volumes this agent can read as a folder, and keep reading once their containers are stopped. */
export function judgeVolume(name: string, volume: VolumeInspectInfo | undefined): { covered: boolean; why: string } {
  if (!volume) return { covered: false, why: 'Docker does not know this volume' }
  if (anonymous.test(name))
    return { covered: false, why: 'an anonymous volume: name it in the compose file to have it backed up' }
  if (volume.Driver !== 'local') return { covered: false, why: `a volume of the driver ${volume.Driver}` }
  if (volume.Options && Object.keys(volume.Options).length > 0)
    return { covered: false, why: 'a volume with driver options: Docker unmounts it when its last container stops' }
  return { covered: true, why: 'a named volume' }
}

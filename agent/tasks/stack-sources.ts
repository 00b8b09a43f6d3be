// What is archived of a stack, and how this process and a helper container get at it.
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { ContainerInspectInfo, VolumeInspectInfo } from 'dockerode'
import type { ArchiveStackPayload } from 'db/domain/task'
import type { Source } from '../archive/protocol.ts'
import type { ComposeConfig } from '../docker/compose-config.ts'
import { isAnonymous, isMounted, livesInMemory } from '../docker/coverage.ts'
import { onHost, type OwnContainer } from '../docker/engine.ts'
import type { HelperMount } from '../docker/helper-container.ts'
import { placeOfVolume } from '../docker/mounted.ts'
import { nameOf } from '../docker/stop-stack.ts'
import type { StoppedContainer } from '../docker/stopped-container.ts'

/** `path` is where this process finds it, or would. */
export interface StackSource extends Source {
  /** Whether this process reads it as well as a helper container does. */
  direct: boolean
  /** How a helper container gets it; it finds it at the mount's target. */
  mount: HelperMount
  /** The volume it is. */
  volume?: VolumeInspectInfo
}

export function directorySource(path: string, own: OwnContainer | null): StackSource {
  const mount: HelperMount = { type: 'bind', source: onHost(path, own) ?? path, target: path }
  return { path, prefix: basename(path), optional: false, direct: true, mount }
}

export interface VolumeSources {
  sources: StackSource[]
  notCovered: string[]
  warnings: string[]
  /** All volumes of the stack, archived or not. */
  volumes: VolumeInspectInfo[]
}

export async function volumeSources(
  payload: ArchiveStackPayload,
  containers: ContainerInspectInfo[],
  compose: ComposeConfig,
  volumes: VolumeInspectInfo[],
): Promise<VolumeSources> {
  const notCovered: string[] = []
  const warnings: string[] = []
  /** By the volume's name. */
  const prefixes = new Map<string, string>()
  for (const container of containers) {
    for (const { Name: name, Destination } of container.Mounts)
      if (name && !prefixes.has(name)) prefixes.set(name, prefixOf(name, container, Destination))
  }
  for (const name of compose.volumes) {
    if (volumes.some((volume) => volume.Name === name)) prefixes.set(name, `_volumes/${name}`)
    else notCovered.push(`volume ${name}: it does not exist yet`)
  }

  const sources: StackSource[] = []
  for (const [name, prefix] of [...prefixes].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const volume = volumes.find((candidate) => candidate.Name === name)
    if (!payload.archive.include_volumes) notCovered.push(`volume ${name}: the archive leaves volumes out`)
    else if (!volume) {
      notCovered.push(`volume ${name}: Docker does not know this volume`)
      warnings.push(`volume ${name} is not in the backup: Docker does not know it`)
    } else sources.push(await volumeSource(volume, prefix))
  }
  return {
    sources,
    notCovered: [...new Set(notCovered)],
    warnings,
    volumes: volumes.filter(({ Name }) => prefixes.has(Name)),
  }
}

async function volumeSource(volume: VolumeInspectInfo, prefix: string): Promise<StackSource> {
  const { Name: name, Mountpoint: path } = volume
  const seen = !isMounted(volume) && (await stat(path).catch(() => null))
  return { path, prefix, optional: false, direct: Boolean(seen), mount: volumeMount(name), volume }
}

export function volumeMount(name: string): HelperMount {
  return { type: 'volume', source: name, target: placeOfVolume(name) }
}

/**
 * A volume nobody named is found by its container, and called after it: `_volumes/_anonymous_web-1_var-cache`. Names of
 * volumes never begin with "_".
 */
function prefixOf(name: string, container: ContainerInspectInfo, destination: string): string {
  if (!isAnonymous(name)) return `_volumes/${name}`
  const labels = container.Config.Labels ?? {}
  const service = labels['com.docker.compose.service'] ?? ''
  const number = labels['com.docker.compose.container-number'] ?? ''
  const owner = service ? `${service}-${number}` : nameOf(container)
  return `_volumes/_anonymous_${owner}_${destination.replace(/^\//, '').replaceAll('/', '-')}`
}

/** As people know it: "volume shop_db", or a path. */
export function nameOfSource({ volume, prefix, path }: StackSource): string {
  return volume ? `volume ${prefix.slice('_volumes/'.length)}` : path
}

/** Volumes in memory that lose their content when these containers are stopped, unless something else holds them. */
export function volumesToHold(
  toStop: StoppedContainer[],
  all: ContainerInspectInfo[],
  volumes: VolumeInspectInfo[],
): string[] {
  const stopped = toStop.filter(({ action }) => action === 'stop').map(({ id }) => id)
  const names = all
    .filter(({ Id }) => stopped.includes(Id))
    .flatMap((container) => container.Mounts.map((mount) => mount.Name))
  return volumes.filter((volume) => names.includes(volume.Name) && livesInMemory(volume)).map(({ Name }) => Name)
}

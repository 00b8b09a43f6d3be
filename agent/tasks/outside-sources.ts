// What of a stack lies elsewhere than in its directory and in volumes: bind mounts, for archives that ask for them, and the
// files that its compose files name.
import { stat } from 'node:fs/promises'
import type { ContainerInspectInfo } from 'dockerode'
import type { ArchiveStackPayload } from 'db/domain/task'
import { withIncluded } from '../docker/compose-files.ts'
import type { ComposeConfig } from '../docker/compose-config.ts'
import { coverageOf, isBelow, type Surroundings } from '../docker/coverage.ts'
import { onHost, type OwnContainer } from '../docker/engine.ts'
import { composeLabels } from '../docker/projects.ts'
import { nameOf } from '../docker/stop-stack.ts'
import type { StackSource } from './stack-sources.ts'

/** Where a helper container has them: below it each under its own path on the host, and so in the backup. */
export const outside = {
  binds: { path: '/.archiver/binds', prefix: '_binds' },
  files: { path: '/.archiver/files', prefix: '_files' },
} as const

/** Of mounts that volumes do not account for: those that the archive asks for, and what no backup holds. */
export function bindSources(
  payload: ArchiveStackPayload,
  containers: ContainerInspectInfo[],
  files: StackSource[],
  around: Surroundings,
): { sources: StackSource[]; notCovered: string[] } {
  const notCovered = new Set<string>()
  const chosen = new Set<string>()
  const secrets = new Set<string>()
  for (const container of containers) {
    const service = composeLabels(container.Config.Labels)?.service || nameOf(container)
    for (const mount of container.Mounts) {
      const { type, source, destination, covered, on_request, why } = coverageOf(service, mount, around)
      if (type === 'volume' || files.some(({ mount }) => mount.source === source)) continue
      // a secret that only Docker sees
      if (covered && !isBelow(source, around.stack)) secrets.add(source)
      if (covered) continue
      if (on_request && payload.archive.include_bind_mounts) chosen.add(source)
      else notCovered.add(`${source} (${destination} in ${service}): ${why}`)
    }
  }
  const all = [...chosen].sort()
  const topmost = all.filter((path) => !all.some((other) => other !== path && isBelow(path, other)))
  const sources = [
    ...topmost.map((path) => outsideSource(path, path, outside.binds)),
    ...[...secrets].sort().map((path) => outsideSource(path, path, outside.files)),
  ]
  return { sources, notCovered: [...notCovered] }
}

/** Compose files with what they include, environment files, secrets and configs. */
export async function fileSources(
  payload: ArchiveStackPayload,
  containers: ContainerInspectInfo[],
  compose: ComposeConfig,
  own: OwnContainer | null,
): Promise<StackSource[]> {
  const labels = containers.map((container) => composeLabels(container.Config.Labels)).filter((one) => one !== null)
  const named = labels.flatMap(({ configFiles, envFiles }) => [...configFiles, ...envFiles])
  const found = payload.stack.compose_file ? [`${payload.stack.path}/${payload.stack.compose_file}`] : []
  const all = [...(await withIncluded([...new Set([...named, ...found])])), ...compose.files]
  const elsewhere = [...new Set(all)]
    .sort()
    .filter((path) => path.startsWith('/') && !isBelow(path, payload.stack.path))
  const seen = await Promise.all(elsewhere.map((path) => stat(path).catch(() => null)))
  // one that is not seen is told by Compose, which could not read it either
  return elsewhere
    .filter((_, index) => seen[index]?.isFile())
    .map((path) => outsideSource(path, onHost(path, own) ?? path, outside.files))
}

function outsideSource(path: string, source: string, { path: place, prefix }: (typeof outside)['binds' | 'files']) {
  const mount = { type: 'bind' as const, source, target: place + path }
  return { path, prefix: prefix + path, optional: false, direct: false, mount }
}

// What of a stack lies elsewhere than in its directory and in volumes: bind mounts, for archives that ask for them, and the
// files that its compose files name.
import { stat } from 'node:fs/promises'
import type { ContainerInspectInfo } from 'dockerode'
import type { ArchiveStackPayload } from 'db/domain/task'
import { withIncluded } from '../docker/compose-files.ts'
import type { ComposeConfig } from '../docker/compose-config.ts'
import { isBelow } from '../docker/coverage.ts'
import { onHost, type OwnContainer } from '../docker/engine.ts'
import { composeLabels } from '../docker/projects.ts'
import { nameOf } from '../docker/stop-stack.ts'
import type { StackSource } from './stack-sources.ts'
import type { Tools } from './tools.ts'

/** Where a helper container has them: below it each under its own path on the host, and so in the backup. */
export const outside = {
  binds: { path: '/.archiver/binds', prefix: '_binds' },
  files: { path: '/.archiver/files', prefix: '_files' },
} as const

/** Of the system: what is in them is made anew at each start. */
const system = ['/proc', '/sys', '/dev', '/run', '/var/run']

export async function bindSources(
  payload: ArchiveStackPayload,
  containers: ContainerInspectInfo[],
  files: StackSource[],
  own: OwnContainer | null,
  tools: Tools,
  dataRoot: string,
): Promise<{ sources: StackSource[]; notCovered: string[] }> {
  const ours = [tools.archivesDir, tools.stateDir].flatMap((folder) => onHost(folder, own) ?? [])
  const stack = onHost(payload.stack.path, own) ?? payload.stack.path
  const notCovered = new Set<string>()
  const chosen = new Set<string>()
  for (const container of containers) {
    const service = composeLabels(container.Config.Labels)?.service || nameOf(container)
    for (const { Source, Destination, Type } of container.Mounts as {
      Source: string
      Destination: string
      Type: string
    }[]) {
      if (Type !== 'bind' || isBelow(Source, stack) || isBelow(Source, payload.stack.path)) continue
      if (files.some(({ path }) => path === Source)) continue
      const refused = refusal(Source, ours, dataRoot)
      const why = refused || (payload.archive.include_bind_mounts ? '' : 'outside the directory of the stack')
      if (why) notCovered.add(`${Source} (${Destination} in ${service}): ${why}`)
      else chosen.add(Source)
    }
  }
  const topmost = [...chosen]
    .sort()
    .filter((path) => ![...chosen].some((other) => other !== path && isBelow(path, other)))
  return { sources: topmost.map((path) => outsideSource(path, path, outside.binds)), notCovered: [...notCovered] }
}

/** Why a bind mount is in no backup, whatever an archive asks for; empty when one may hold it. */
export function refusal(source: string, ours: string[], dataRoot: string): string {
  if (source === '/') return 'the whole host'
  if (source.endsWith('/docker.sock')) return 'the socket of Docker'
  if (system.some((folder) => isBelow(source, folder))) return 'a folder of the running system'
  if (isBelow(source, dataRoot) || isBelow(dataRoot, source)) return 'it belongs to Docker itself'
  if (ours.some((folder) => isBelow(source, folder))) return 'it belongs to Docker Archiver itself'
  return ''
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

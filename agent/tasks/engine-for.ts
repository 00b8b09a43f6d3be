// Chooses where the archive process of a stack runs: as a child of this one when that sees everything, else in a helper
// container, which is there before anything is stopped.
import { messageOf } from 'db/domain/errors'
import { startEngine, type Engine } from '../archive/client.ts'
import type { Source } from '../archive/protocol.ts'
import { isMounted } from '../docker/coverage.ts'
import { mountOf, onHost } from '../docker/engine.ts'
import { newHelperName, startHelper, type HelperMount } from '../docker/helper-container.ts'
import { helperProgram } from '../docker/helper-program.ts'
import type { TaskReport } from '../task-report.ts'
import { within } from '../within.ts'
import type { ResolvedStack } from './resolve-stack.ts'
import { outside } from './outside-sources.ts'
import { nameOfSource, type StackSource } from './stack-sources.ts'
import type { Tools } from './tools.ts'

export interface ReadyEngine {
  engine: Engine
  /** The stack as it is archived: what cannot be reached is told as not covered. */
  stack: ResolvedStack
  /** As the engine finds them. */
  sources: Source[]
  exclude: string[]
}

/** `journal` is told the name of a helper container before that is made. */
export async function engineFor(
  stack: ResolvedStack,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
  journal: (helper: string) => Promise<void>,
): Promise<ReadyEngine> {
  if (stack.sources.every(({ direct }) => direct)) return asChild(stack, tools, signal)
  try {
    const ready = await inHelper(stack, tools, signal, journal)
    const unseen = stack.sources.filter(({ direct }) => !direct).map(nameOfSource)
    report.say('info', `A helper container reads what this agent does not see: ${unseen.join(', ')}`)
    return ready
  } catch (error) {
    signal.throwIfAborted()
    const reason = messageOf(error)
    const less = withoutUnmountable(stack, reason, report) ?? withoutUnseen(stack, reason, report)
    return engineFor(less, tools, report, signal, journal)
  }
}

/** Null when Docker does not say what it could not mount, or when it is the stack's directory itself. */
function withoutUnmountable(stack: ResolvedStack, reason: string, report: TaskReport): ResolvedStack | null {
  const at = stack.sources.findIndex(({ mount: { type, source } }) =>
    type === 'bind'
      ? reason.endsWith(`bind source path does not exist: ${source}`)
      : reason.includes(`/volumes/${source}/_data`),
  )
  const source = stack.sources[at]
  if (!source || at === 0) return null
  const left = { ...stack, sources: stack.sources.toSpliced(at, 1) }
  if (source.volume) return lacking(left, [source], reason, report)
  const text = `${nameOfSource(source)}: it is not there`
  report.say('info', `Not covered: ${text}`)
  return { ...left, notCovered: [...stack.notCovered, text] }
}

function withoutUnseen(stack: ResolvedStack, reason: string, report: TaskReport): ResolvedStack {
  const seen = stack.sources.filter(({ direct }) => direct)
  const unseen = stack.sources.filter(({ direct }) => !direct)
  return lacking({ ...stack, sources: seen }, unseen, reason, report)
}

function lacking(stack: ResolvedStack, missing: StackSource[], reason: string, report: TaskReport): ResolvedStack {
  const warnings = missing.map((source) => `${nameOfSource(source)} is not in the backup: ${reason}`)
  for (const warning of warnings) report.say('warn', warning)
  return {
    ...stack,
    notCovered: [...stack.notCovered, ...missing.map((source) => `${nameOfSource(source)}: ${reason}`)],
    warnings: [...stack.warnings, ...warnings],
  }
}

function asChild(stack: ResolvedStack, tools: Tools, signal: AbortSignal): ReadyEngine {
  const sources = stack.sources.map(({ path, prefix, optional }) => ({ path, prefix, optional }))
  return { engine: startEngine({ signal }), stack, sources, exclude: ownFolders(tools) }
}

async function inHelper(
  stack: ResolvedStack,
  tools: Tools,
  signal: AbortSignal,
  journal: (helper: string) => Promise<void>,
): Promise<ReadyEngine> {
  const { image, mounts, archive } = await helperProgram(tools.docker, stack.own)
  const volumes = stack.sources.flatMap(({ volume }) => volume ?? [])
  const mounted = volumes.filter(isMounted).filter(({ Driver }) => Driver === 'local')
  const name = newHelperName()
  await journal(name)
  const helper = {
    name,
    image,
    command: [...archive, ...mounted.map(({ Name }) => Name)],
    mounts: [...mounts, archivesMount(stack, tools), ...stack.sources.map(({ mount }) => mount)],
  }
  const engine = startEngine({ signal, process: await startHelper(tools.docker, helper, signal) })
  try {
    const sources = inOneTree(stack.sources)
    // opens each of them, and leaves out all that is in them
    await within(
      60_000,
      'A file system',
      engine.survey({ sources, exclude: [], patterns: ['*'] }, () => {}),
      signal,
    )
    return { engine, stack, sources, exclude: [...ownFolders(tools), ...ownFoldersElsewhere(stack, tools)] }
  } catch (error) {
    engine.kill()
    throw error
  }
}

function archivesMount({ own }: ResolvedStack, { archivesDir }: Tools): HelperMount {
  if (!own) return { type: 'bind', source: archivesDir, target: archivesDir, writable: true }
  const mount = mountOf(archivesDir, own)
  if (!mount) throw new Error(`the archives folder ${archivesDir} lies in the agent's own container, not in a mount`)
  const source = mount.type === 'volume' ? mount.name : mount.source
  return { type: mount.type, source, target: mount.destination, writable: true }
}

function ownFolders({ archivesDir, stateDir }: Tools): string[] {
  return [archivesDir, stateDir]
}

/** A stack's directory, or a folder around it, may hold them under another name than the one our container knows. */
function ownFoldersElsewhere({ own }: ResolvedStack, tools: Tools): string[] {
  const folders = ownFolders(tools).flatMap((folder) => onHost(folder, own) ?? [])
  return [...folders, ...folders.map((folder) => outside.binds.path + folder)]
}

/** What lies elsewhere is one source of each kind: it may be single files, and nobody knows without looking. */
function inOneTree(all: StackSource[]): Source[] {
  const places = Object.values(outside)
  const single = all.filter(({ mount }) => !places.some(({ path }) => mount.target.startsWith(`${path}/`)))
  const trees = places.filter(({ path }) => all.some(({ mount }) => mount.target.startsWith(`${path}/`)))
  return [
    ...single.map(({ mount, prefix, optional }) => ({ path: mount.target, prefix, optional })),
    ...trees.map((tree) => ({ ...tree, optional: false })),
  ]
}

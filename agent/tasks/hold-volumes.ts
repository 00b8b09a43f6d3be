// Volumes in memory lose what is in them when the last container that uses them stops: one of ours uses them meanwhile.
import { newHelperName, startHolder } from '../docker/helper-container.ts'
import { helperProgram } from '../docker/helper-program.ts'
import type { TaskReport } from '../task-report.ts'
import type { ResolvedStack } from './resolve-stack.ts'
import { volumeMount } from './stack-sources.ts'
import type { Tools } from './tools.ts'

/**
 * `journal` is told the name of the container first: it outlives this agent, and whoever brings the stack back removes it
 * (leftovers.ts). Throws, before anything is stopped, when the volumes cannot be held.
 */
export async function holdVolumes(
  { held, own }: ResolvedStack,
  { docker }: Tools,
  report: TaskReport,
  signal: AbortSignal,
  journal: (holder: string) => Promise<void>,
): Promise<void> {
  if (held.length === 0) return
  try {
    const { image, mounts, idle } = await helperProgram(docker, own)
    const name = newHelperName()
    await journal(name)
    await startHolder(docker, { name, image, command: idle, mounts: [...mounts, ...held.map(volumeMount)] }, signal)
    report.say('info', `A helper container holds ${held.join(', ')}, in memory, while the stack is stopped`)
  } catch (error) {
    signal.throwIfAborted()
    throw new Error(
      `Nothing was stopped: that would lose what is in ${held.join(', ')}, which lives in memory and cannot be held`,
      { cause: error },
    )
  }
}

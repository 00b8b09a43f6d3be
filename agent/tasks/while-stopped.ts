// The stopped window: stop, work, start. Whatever happens in it, what was stopped is started.
import type { ArchiveMode } from 'db/domain/archive'
import { messageOf } from 'db/domain/errors'
import { containersOf, inspectAll } from '../docker/discover.ts'
import { nameOf, stopStack } from '../docker/stop-stack.ts'
import type { StartReport } from '../docker/start-containers.ts'
import type { StoppedContainer } from '../docker/stopped-container.ts'
import type { TaskReport } from '../task-report.ts'
import { within } from '../within.ts'
import type { Tools } from './tools.ts'

export interface Window<Result> {
  /** What the work made of it: its result, or why it failed. */
  worked: { result: Result } | { error: unknown }
  started: StartReport
  /** Seconds from the first stop to the last start; null when nothing was stopped. */
  downtime_seconds: number | null
  warnings: string[]
}

/**
 * Stops `containers`, which the caller has journalled, does `work`, and starts them again. Never throws: the stack being up
 * does not depend on how well the work went, and both kinds of trouble are told.
 */
export async function whileStopped<Result>(
  {
    stackPath,
    mode,
    containers,
    engine,
  }: { stackPath: string; mode: ArchiveMode; containers: StoppedContainer[]; engine: string },
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Window<Result>> {
  const window = stopStack(tools.docker, containers, (text) => report.say('info', text), engine)
  const warnings: string[] = []
  const begun = performance.now()
  const begunAt = new Date()
  let worked: Window<Result>['worked']
  try {
    report.progress.stopped_at = containers.length > 0 ? new Date().toISOString() : null
    report.phase('stop')
    await window.stop(signal)
    worked = { result: await workUndisturbed() }
  } catch (error) {
    worked = { error }
    report.say('error', `Archiving failed: ${messageOf(error)}`)
  }
  report.phase('start')
  const started = await window.start()
  const downtime = (performance.now() - begun) / 1000
  report.progress.stopped_at = null
  return { worked, started, downtime_seconds: containers.length > 0 ? downtime : null, warnings }

  /** Repeats the work once when somebody started a container under it: it may have read files while they changed. */
  async function workUndisturbed(): Promise<Result> {
    const since = new Date()
    report.phase('pack')
    const result = await work()
    if (mode === 'live') return result
    const first = await startedSince(since)
    if (first.length === 0) return result
    report.say('warn', `Started by somebody while it was archived: ${first.join(', ')}. It is archived once more`)
    await window.stop(signal)
    const again = new Date()
    const repeated = await work()
    const second = await startedSince(again)
    if (second.length > 0)
      warnings.push(
        `${second.join(', ')} was started by somebody while it was archived, twice; files may have changed under the archive`,
      )
    return repeated
  }

  /** A question about all containers of the host: one that is not answered soon must not keep the stack down. */
  async function startedSince(since: Date): Promise<string[]> {
    try {
      return await within(15_000, 'Docker', listStartedSince(since), signal)
    } catch (error) {
      signal.throwIfAborted()
      warnings.push(`whether somebody started a container under the archive could not be checked: ${messageOf(error)}`)
      return []
    }
  }

  async function listStartedSince(since: Date): Promise<string[]> {
    const all = await inspectAll(tools.docker)
    const ofStack = await containersOf(stackPath, all)
    const ours = all.filter((container) => containers.some(({ id }) => id === container.Id))
    return [...new Set([...ofStack, ...ours])]
      .filter((container) => {
        const known = containers.find(({ id }) => id === container.Id)
        if (known?.action === 'pause') return container.State.Running && !container.State.Paused
        // one we did not stop, a replacement for example, goes on running through a second pass
        return new Date(container.State.StartedAt) > (known ? since : begunAt)
      })
      .map(nameOf)
  }
}

// What all tasks have in common that care for backups that exist: one after the other, each act in the journal before
// it is done, so that the server learns of it even from the next agent.
import { messageOf } from 'db/domain/errors'
import { counted } from 'db/domain/size'
import type { AgentTask, CareOutcome, CareResult, Finding } from 'db/domain/task'
import { JobCancelled } from '../cancelled.ts'
import { codeOf } from '../durable.ts'
import type { OpenEntry } from '../journal.ts'
import type { TaskReport } from '../task-report.ts'
import type { Tools } from './tools.ts'

export interface Care {
  readonly results: CareResult[]
  readonly findings: Finding[]
  readonly signal: AbortSignal
  readonly report: TaskReport
  /** `gone`, absolute, is no more once `work` is done: how the next agent can tell if this one dies. */
  act(result: CareResult, gone: string, work: () => Promise<void>): Promise<void>
  /** Nothing was done to it, and why. */
  keep(id: number, reason: string): void
}

/** Never throws. `work` may throw for what keeps all of it from being done, or the signal's reason. */
export async function careTask(
  task: AgentTask,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
  work: (care: Care) => Promise<void>,
): Promise<CareOutcome> {
  const results: CareResult[] = []
  const findings: Finding[] = []
  let acted = false

  const care: Care = {
    results,
    findings,
    signal,
    report,
    async act(result, gone, work) {
      const soFar = { status: 'failed' as const, reason: endedText(results.length), backups: results, findings }
      try {
        await tools.journal.write(entryOf(task.id, soFar, { result, gone }))
        acted = true
      } catch (error) {
        // on a full disk deleting is what makes room again; should the agent die now, reading back tells what is gone
        if (result.did !== 'deleted' || !isFull(error)) throw error
      }
      await work()
      results.push(result)
    },
    keep(id, reason) {
      results.push({ id, did: 'kept', reason, bytes: 0 })
      report.say('warn', `Left as it is: ${reason}`)
    },
  }

  let outcome: CareOutcome
  try {
    await work(care)
    outcome = { ...verdict(results), backups: results, findings }
  } catch (error) {
    const cancelled = signal.aborted && signal.reason instanceof JobCancelled
    const reason = signal.aborted ? `${messageOf(signal.reason)}, after ${doneText(results.length)}` : messageOf(error)
    report.say(cancelled ? 'warn' : 'error', `Given up: ${reason}`)
    outcome = { status: cancelled ? 'cancelled' : 'failed', reason, backups: results, findings }
  }
  try {
    const holder = await tools.journal.holder(task.id)
    if (holder === 'us' || (holder === 'nobody' && !acted)) await tools.leftovers.keep(entryOf(task.id, outcome, null))
  } catch (error) {
    report.say('error', `The journal could not be written: ${messageOf(error)}`)
  }
  return outcome
}

/** One after the other, until the signal aborts; what cannot be done to one is told of that one. */
export async function eachBackup<Backup extends { id: number }>(
  care: Care,
  backups: Backup[],
  one: (backup: Backup) => Promise<void>,
): Promise<void> {
  for (const backup of backups) {
    care.signal.throwIfAborted()
    try {
      await one(backup)
    } catch (error) {
      care.signal.throwIfAborted()
      care.keep(backup.id, messageOf(error))
    }
    care.report.progress.files += 1
  }
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error))
}

function verdict(results: CareResult[]): Pick<CareOutcome, 'status' | 'reason'> {
  const kept = results.filter(({ did }) => did === 'kept')
  const reason = [...new Set(results.map((result) => result.reason).filter(Boolean))].join('; ')
  if (results.some(({ did }) => did === 'corrupt' || did === 'missing')) return { status: 'failed', reason }
  if (kept.length === 0) return { status: 'success', reason: '' }
  return { status: kept.length === results.length ? 'failed' : 'warning', reason }
}

function endedText(done: number): string {
  return `the agent ended during this step, after ${doneText(done)}`
}

function doneText(done: number): string {
  return done === 0 ? 'nothing was done' : `${counted(done, 'backup')} had been dealt with`
}

function entryOf(taskId: number, outcome: CareOutcome, intent: OpenEntry['intent']): OpenEntry {
  return {
    task_id: taskId,
    stack: null,
    was_running: false,
    containers: [],
    stopped_at: null,
    partial: null,
    final: null,
    outcome,
    intent: intent ?? null,
  }
}

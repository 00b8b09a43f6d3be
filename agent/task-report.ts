// What a running task tells the server: log lines and progress in batches, then the outcome. The database may be away
// for any time; nothing is lost and the task itself never waits for it.
import type { Logger } from 'pino'
import type { LogLevel } from 'db/domain/job'
import type { AgentTask, CareOutcome, Phase, TaskLogLine, TaskOutcome, TaskProgress } from 'db/domain/task'
import type { Server } from './server.ts'

export interface TaskReport {
  readonly progress: TaskProgress
  say(level: LogLevel, text: string): void
  phase(phase: Phase): void
  /** Resolves once the server has all lines and the outcome. Rejects with StaleEpoch, or the signal's reason. */
  finish(outcome: TaskOutcome | CareOutcome, signal: AbortSignal): Promise<void>
}

/** Somebody may be watching. */
const batchMs = 100
const batchLines = 500

export function openReport(task: AgentTask, server: Server, log: Logger): TaskReport {
  const unsent: TaskLogLine[] = []
  let seq = 0
  let sending: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  const progress: TaskProgress = {
    phase: 'resolve',
    files: 0,
    bytes: 0,
    total_bytes: null,
    stopped_at: null,
    steps: [{ phase: 'resolve', at: new Date().toISOString() }],
  }

  /** One batch after the other, so that lines keep their order; what fails stays and is sent again. */
  async function flush(signal?: AbortSignal): Promise<void> {
    while (unsent.length > 0) {
      const batch = unsent.slice(0, batchLines)
      await server.log(task.id, batch, signal)
      unsent.splice(0, batch.length)
    }
  }

  function flushSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      sending = sending.then(() => flush(server.ended)).catch(() => {})
    }, batchMs)
  }

  return {
    progress,
    say(level, text) {
      log[level]({ task: task.id, job: task.job_id, kind: task.kind }, text)
      seq += 1
      unsent.push({ seq, at: new Date().toISOString(), level, text })
      flushSoon()
    },
    phase(phase) {
      progress.phase = phase
      progress.steps = [...(progress.steps ?? []), { phase, at: new Date().toISOString() }]
      server.progressed()
    },
    async finish(outcome, signal) {
      clearTimeout(timer)
      await Promise.race([sending, aborted(signal)])
      await flush(signal)
      await server.finish(
        task.id,
        task.kind === 'archive_stack' ? { ...outcome, steps: progress.steps } : outcome,
        signal,
      )
    },
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

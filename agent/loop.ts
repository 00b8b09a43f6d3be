// Claims tasks and runs them until the agent is ended or replaced.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { messageOf } from 'db/domain/errors'
import type { HostStatus } from 'db/domain/host'
import type { AgentTask, CareOutcome, TaskOutcome } from 'db/domain/task'
import { JobCancelled } from './cancelled.ts'
import type { Server } from './server.ts'
import { openReport, type TaskReport } from './task-report.ts'

/** A quarter of the lease. */
const heartbeatMs = 15_000
/** While something moves on a page somebody may be watching. */
const progressMs = 1_000
/** Beside NOTIFY, in case one was lost. */
const pollMs = 30_000

interface Running {
  task: AgentTask
  report: TaskReport
  cancel: AbortController
  done: Promise<void>
}

export interface Work {
  /** Never throws; an abort of the signal ends it early, with the stack up. */
  run(task: AgentTask, report: TaskReport, signal: AbortSignal): Promise<TaskOutcome | CareOutcome>
  /** The server has the outcome. */
  reported(taskId: number): Promise<void>
  /** What has changed about the host since the last call; null when nothing has. */
  statusIfChanged(): Promise<HostStatus | null>
}

/** Resolves when the agent is ended or replaced and every task has brought its stack back up. */
export async function workUntilEnded(server: Server, work: Work, log: Logger): Promise<void> {
  const running = new Map<number, Running>()
  let wake = new AbortController()
  let beat = new AbortController()
  server.onWake(() => {
    wake.abort()
    beat.abort()
  })
  server.onProgress(() => beat.abort())

  function begin(task: AgentTask): void {
    const cancel = new AbortController()
    const report = openReport(task, server, log)
    const signal = AbortSignal.any([cancel.signal, server.ended])
    const done = work
      .run(task, report, signal)
      .then(async (outcome) => {
        // an agent that is being ended still has a moment to tell; what stays untold waits in the journal
        await report.finish(outcome, server.ended.aborted ? AbortSignal.timeout(3000) : server.ended)
        await work.reported(task.id)
      })
      .catch((error: unknown) => {
        log.warn(`Task ${task.id}: the outcome could not be reported: ${messageOf(error)}`)
        // it would be given to us again, and the stack stopped again: the next agent reports it from the journal
        server.end(error)
      })
      .finally(() => {
        running.delete(task.id)
        wake.abort()
      })
    running.set(task.id, { task, report, cancel, done })
  }

  async function claimTasks(): Promise<void> {
    while (!server.ended.aborted) {
      const task = await server.claim([...running.keys()])
      if (task) begin(task)
      else {
        await pause(pollMs, AbortSignal.any([wake.signal, server.ended]))
        wake = new AbortController()
      }
    }
  }

  async function heartbeats(): Promise<void> {
    while (!server.ended.aborted) {
      const tasks = [...running.values()].map(({ task, report }) => ({ id: task.id, progress: { ...report.progress } }))
      for (const id of await server.heartbeat(await work.statusIfChanged(), tasks))
        running.get(id)?.cancel.abort(new JobCancelled())
      await pause(running.size > 0 ? progressMs : heartbeatMs, AbortSignal.any([beat.signal, server.ended]))
      beat = new AbortController()
    }
  }

  try {
    await Promise.all([claimTasks(), heartbeats()])
  } catch (error) {
    server.end(error)
  }
  await Promise.all([...running.values()].map(({ done }) => done))
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}

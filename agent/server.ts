// The agent's side of the protocol: every call carries the epoch and is repeated until the database answers.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { connect } from 'db/connect'
import { Conflict, Invalid, messageOf, NotFound, StaleEpoch } from 'db/domain/errors'
import type { HostStatus } from 'db/domain/host'
import type { ReportedStack } from 'db/domain/stack'
import type { AgentTask, CareOutcome, TaskLogLine, TaskOutcome, TaskProgress } from 'db/domain/task'
import * as agent from 'db/queries/agent'

export interface Server {
  readonly registration: agent.Registration
  /** Aborts when a newer agent of this host has started, or the agent is being ended. */
  readonly ended: AbortSignal
  claim(holding: number[]): Promise<AgentTask | null>
  /** Resolves with the tasks to be given up. */
  heartbeat(status: HostStatus | null, tasks: { id: number; progress: TaskProgress }[]): Promise<number[]>
  reportStacks(stacks: ReportedStack[]): Promise<void>
  log(taskId: number, lines: TaskLogLine[], signal?: AbortSignal): Promise<void>
  finish(taskId: number, outcome: TaskOutcome | CareOutcome, signal?: AbortSignal): Promise<void>
  /** Calls back when the server has work, or the connection is there again after it was lost. */
  onWake(callback: () => void): void
  /** Tells the heartbeat that something worth showing has changed. */
  progressed(): void
  onProgress(callback: () => void): void
  /** Ends everything that waits on `ended`; for a refusal that will not pass. */
  end(reason: unknown): void
  close(): Promise<void>
}

/** Waits for the database however long it takes, then takes the host's next epoch. */
export async function registerAgent(
  url: string,
  version: string,
  status: HostStatus,
  leftBehind: agent.LeftBehind[],
  stop: AbortSignal,
  log: Logger,
): Promise<Server> {
  const sql = connect(url, { name: 'docker-archiver agent', max: 3 })
  const over = new AbortController()
  const ended = AbortSignal.any([stop, over.signal])
  const noted = new Set<() => void>()
  let quiet = false

  async function persist<Answer>(what: string, signal: AbortSignal, call: () => Promise<Answer>): Promise<Answer> {
    for (let pause = 250; ; pause = Math.min(pause * 2, 10_000)) {
      signal.throwIfAborted()
      try {
        const answer = await call()
        if (quiet) log.info('The database answers again')
        quiet = false
        return answer
      } catch (error) {
        if (error instanceof StaleEpoch) {
          over.abort(error)
          throw error
        }
        if (!isPassing(error)) throw error
        if (!quiet) log.warn(`The database does not answer (${what}): ${messageOf(error)}; trying again`)
        quiet = true
        await sleep(pause, undefined, { signal }).catch(() => {})
      }
    }
  }

  const registration = await persist('register', stop, () => agent.startAgent(sql, version, status, leftBehind)).catch(
    async (error: unknown) => {
      await sql.end({ timeout: 1 })
      throw error
    },
  )
  const { epoch } = registration

  return {
    registration,
    ended,
    claim: (holding) => persist('claim', ended, () => agent.claimTask(sql, epoch, holding)),
    heartbeat: (status, tasks) => persist('heartbeat', ended, () => agent.heartbeat(sql, epoch, status, tasks)),
    reportStacks: (stacks) => persist('stacks', ended, () => agent.reportStacks(sql, epoch, stacks)),
    log: (taskId, lines, signal = ended) => persist('log', signal, () => agent.sendLog(sql, epoch, taskId, lines)),
    finish: (taskId, outcome, signal = ended) =>
      persist('finish', signal, () => agent.finishTask(sql, epoch, taskId, outcome)),
    onWake(callback) {
      // a lost connection is made again by the driver, which then calls back: what was missed is asked for
      void persist('listen', ended, () =>
        sql.listen(`archiver_host_${registration.host_id}`, callback, callback),
      ).catch(() => {})
    },
    progressed: () => noted.forEach((callback) => callback()),
    onProgress: (callback) => void noted.add(callback),
    end: (reason) => over.abort(reason),
    close: () => sql.end({ timeout: 2 }),
  }
}

/** What the database itself refuses stays refused; what kept the question from it, or it from answering, passes. */
function isPassing(error: unknown): boolean {
  if (error instanceof NotFound || error instanceof Conflict || error instanceof Invalid) return false
  if (!(error instanceof Error) || error instanceof TypeError) return false
  if (error.name !== 'PostgresError' || !('code' in error)) return true
  // connection, resources, operator intervention, deadlock, timeouts, password or database not set up yet, a standby
  return /^(08|53|57|40|55|58|28|3D|25006)/.test(String(error.code))
}

// The doors an agent may use; all that the role of a host can do in the database.
import type { Sql } from '../connect.ts'
import { fromSql } from '../domain/errors.ts'
import type { HostStatus } from '../domain/host.ts'
import type { ReportedStack } from '../domain/stack.ts'
import type { AgentTask, CareOutcome, TaskLogLine, TaskOutcome, TaskProgress } from '../domain/task.ts'

/** What an agent's journal knows of a task that an earlier instance did not bring to its end. */
export interface LeftBehind {
  task_id: number
  outcome: TaskOutcome | CareOutcome
  lines: TaskLogLine[]
}

export interface Registration {
  epoch: number
  host_id: number
  host_name: string
}

/** Takes the host's next epoch and closes what an older one left. */
export async function startAgent(
  sql: Sql,
  version: string,
  status: HostStatus,
  leftBehind: LeftBehind[],
): Promise<Registration> {
  return kept(
    sql,
    ask<Registration>(
      sql`select archiver.agent_start(${version}, ${json(status)}::text::jsonb, ${json(leftBehind)}::text::jsonb) as answer`,
    ),
  )
}

/** Extends the leases of `tasks`; resolves with the ids of tasks that are to be given up. Throws StaleEpoch. */
export async function heartbeat(
  sql: Sql,
  epoch: number,
  status: HostStatus | null,
  tasks: { id: number; progress: TaskProgress }[],
): Promise<number[]> {
  const answer = await ask<{ cancel: number[] }>(
    sql`select archiver.agent_heartbeat(${epoch}, ${status && json(status)}::text::jsonb, ${json(tasks)}::text::jsonb) as answer`,
  )
  return answer.cancel
}

/** The host's next task, or null. `holding`: the tasks this agent knows it holds. Throws StaleEpoch. */
export async function claimTask(sql: Sql, epoch: number, holding: number[]): Promise<AgentTask | null> {
  return kept(sql, ask<AgentTask | null>(sql`select archiver.agent_claim(${epoch}, ${holding}::bigint[]) as answer`))
}

/** Throws StaleEpoch. Lines whose seq is stored already are passed over. */
export async function sendLog(sql: Sql, epoch: number, taskId: number, lines: TaskLogLine[]): Promise<void> {
  const stored = ask(sql`select archiver.agent_log(${epoch}, ${taskId}, ${json(lines)}::text::jsonb), true as answer`)
  await kept(sql, stored)
}

/** Throws StaleEpoch. Sending it again does no harm. */
export async function finishTask(
  sql: Sql,
  epoch: number,
  taskId: number,
  outcome: TaskOutcome | CareOutcome,
): Promise<void> {
  const stored = ask(
    sql`select archiver.agent_finish(${epoch}, ${taskId}, ${json(outcome)}::text::jsonb), true as answer`,
  )
  await kept(sql, stored)
}

/** All stacks of the host as they are now. Throws StaleEpoch. */
export async function reportStacks(sql: Sql, epoch: number, stacks: ReportedStack[]): Promise<void> {
  await ask(sql`select archiver.agent_report_stacks(${epoch}, ${json(stacks)}::text::jsonb) as answer`)
}

/** Resolves once what was written is on disk, too; null wrote nothing. Heartbeats and stacks need not: they come again. */
async function kept<Answer>(sql: Sql, answer: Promise<Answer>): Promise<Answer> {
  if ((await answer) !== null) await ask(sql`select archiver.agent_flush() as answer`)
  return answer
}

async function ask<Answer>(query: PromiseLike<readonly object[]>): Promise<Answer> {
  try {
    const [row] = (await query) as { answer: Answer }[]
    return row?.answer as Answer
  } catch (error) {
    throw fromSql(error)
  }
}

/** Postgres stores neither NUL characters nor half surrogates; both become the replacement character. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'string' ? inner.replaceAll('\0', '\uFFFD').toWellFormed() : inner,
  )
}

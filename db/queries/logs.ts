import type { Query, Sql } from '../connect.ts'
import type { LogLevel } from '../domain/job.ts'

export interface LogLine {
  /** Counts from 1 within the job; lines become visible in this order. */
  line: number
  at: Date
  level: LogLevel
  text: string
  /** Null for lines about the whole job. */
  stack_name: string | null
}

/** Lines after `after`, oldest first, at most `limit`; those of one stack when it is named. */
export async function listLogLines(
  sql: Query,
  jobId: number,
  options: { after: number; limit: number; stack?: string | undefined },
): Promise<LogLine[]> {
  const { stack } = options
  return sql<LogLine[]>`${logRows(sql, jobId, options.after, stack)} limit ${options.limit}`
}

/** The whole log in batches of 1,000 lines, for sending it as a file without holding it in memory. */
export async function* readLog(sql: Sql, jobId: number, stack?: string): AsyncGenerator<LogLine[]> {
  let after = 0
  for (;;) {
    const lines = await listLogLines(sql, jobId, { after, limit: 1000, stack })
    if (lines.length === 0) return
    yield lines
    after = lines.at(-1)?.line ?? after
  }
}

function logRows(sql: Query, jobId: number, after: number, stack: string | undefined) {
  const ofStack =
    stack === undefined
      ? sql``
      : sql`
    and l.job_stack_id in (
      select s.id from archiver.job_stacks as s where s.job_id = ${jobId} and s.stack_name = ${stack})`
  return sql`
    select l.line, l.at, l.level, l.text, s.stack_name
    from archiver.log_lines as l
    left join archiver.job_stacks as s on s.id = l.job_stack_id
    where l.job_id = ${jobId} and l.line > ${after} ${ofStack}
    order by l.line`
}

const pruneBatch = 10_000

/**
 * Removes the lines of jobs that ended before `olderThan`; the jobs stay. Resolves with how many of each there were, or,
 * when `isDryRun`, would have been. In batches, so that no lock is long and a restart goes on where it was.
 */
export async function pruneLogs(
  sql: Sql,
  olderThan: Date,
  isDryRun: boolean,
): Promise<{ jobs: number; lines: number }> {
  const old = await sql<{ id: number; lines: number }[]>`
    select id, last_line as lines from archiver.jobs
    where end_time < ${olderThan} and log_pruned_at is null and last_line > 0 order by id`
  if (isDryRun) return { jobs: old.length, lines: old.reduce((sum, { lines }) => sum + lines, 0) }
  let lines = 0
  for (let first = 0; first < old.length; first += 500) {
    const ids = old.slice(first, first + 500).map(({ id }) => id)
    for (let full = true; full;) {
      const { count } = await sql`
        delete from archiver.log_lines as l
        using (select job_id, line from archiver.log_lines where job_id = any (${ids}::bigint[]) limit ${pruneBatch}) as old
        where l.job_id = old.job_id and l.line = old.line`
      lines += count
      full = count === pruneBatch
    }
    await sql`update archiver.jobs set log_pruned_at = now() where id = any (${ids}::bigint[])`
  }
  // their room is for the next lines at once, rather than when Postgres comes by
  if (lines >= pruneBatch) await sql.unsafe('vacuum archiver.log_lines')
  return { jobs: old.length, lines }
}

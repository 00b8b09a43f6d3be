import type { Query, Sql } from '../connect.ts'
import { logLevels, type LogLevel } from '../domain/job.ts'
import { containing } from './jobs.ts'

export interface LogLine {
  /** Counts from 1 within the job; lines become visible in this order. */
  line: number
  at: Date
  level: LogLevel
  text: string
  /** Null for lines about the whole job. */
  stack_name: string | null
}

export interface LogFilter {
  /** Only lines after this one. */
  after: number
  /** Of the stack of this name. */
  stack?: string | undefined
  /** Of this level or a graver one. */
  level?: LogLevel | undefined
  /** Whose text contains this, whatever its case. */
  search?: string | undefined
}

/** Lines oldest first, at most `limit`. */
export async function listLogLines(
  sql: Query,
  jobId: number,
  options: LogFilter & { limit: number },
): Promise<LogLine[]> {
  return sql<LogLine[]>`
    select l.line, l.at, l.level, l.text, s.stack_name
    from archiver.log_lines as l
    left join archiver.job_stacks as s on s.id = l.job_stack_id
    where ${matching(sql, jobId, options)}
    order by l.line
    limit ${options.limit}`
}

/**
 * How many lines up to `last` match, and the number of every `step`th of them, the first included: from there any others are
 * read by their place, however long the log.
 */
export async function indexLog(
  sql: Query,
  jobId: number,
  filter: LogFilter & { last: number },
  step: number,
): Promise<{ count: number; lines: number[] }> {
  const [index] = await sql<[{ count: number; lines: number[] }]>`
    select count(*) as count, coalesce(array_agg(line) filter (where (n - 1) % ${step}::bigint = 0), '{}') as lines
    from (
      select l.line, row_number() over (order by l.line) as n from archiver.log_lines as l
      where ${matching(sql, jobId, filter)} and l.line <= ${filter.last}
    ) as found`
  return index
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

/** Conditions that are not asked for are not in the question, so that each has the plan of its own index. */
function matching(sql: Query, jobId: number, { after, stack, level, search }: LogFilter) {
  const graver = level === undefined ? [] : logLevels.slice(logLevels.indexOf(level))
  return sql`
    l.job_id = ${jobId} and l.line > ${after}
    ${
      stack === undefined
        ? sql``
        : sql`and l.job_stack_id in (
            select s.id from archiver.job_stacks as s where s.job_id = ${jobId} and s.stack_name = ${stack})`
    }
    ${level === undefined ? sql`` : sql`and l.level = any (${graver})`}
    ${
      // ilike lowers the pattern anew for each line, and takes half as long again
      search === undefined ? sql`` : sql`and lower(l.text) like lower(${containing(search)})`
    }`
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

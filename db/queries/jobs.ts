import type { Query, Sql } from '../connect.ts'
import { fromSql, NotFound } from '../domain/errors.ts'
import { reasonOfJob, statusOfJob, type JobStatus, type JobTrigger, type JobType } from '../domain/job.ts'
import type { TaskProgress } from '../domain/task.ts'

export interface Job {
  id: number
  job_type: JobType
  archive_id: number | null
  archive_name: string
  status: JobStatus
  reason: string
  triggered_by: JobTrigger
  is_dry_run: boolean
  created_at: Date
  start_time: Date | null
  end_time: Date | null
  duration_seconds: number | null
  cancel_requested_at: Date | null
  total_size_bytes: number
  reclaimed_bytes: number
  /** Number of the newest log line; 0 before the first. */
  last_line: number
  stack_count: number
}

/** What becomes, or became, of one stack in a job. */
export interface JobStack {
  id: number
  job_id: number
  stack_id: number | null
  host_id: number | null
  host: string | null
  stack_name: string
  status: JobStatus
  reason: string
  was_running: boolean | null
  start_time: Date | null
  end_time: Date | null
  duration_seconds: number | null
  downtime_seconds: number | null
  archive_path: string | null
  archive_size_bytes: number | null
  file_count: number | null
  progress: TaskProgress | null
  out_of_contact_since: Date | null
  backup_id: number | null
}

export interface JobFilter {
  archive_id?: number | undefined
  stack_id?: number | undefined
  type?: JobType | undefined
  status?: JobStatus | undefined
  /** Only jobs older than this id. */
  before?: number | undefined
  limit: number
}

/** Newest first. */
export async function listJobs(sql: Sql, filter: JobFilter): Promise<Job[]> {
  return sql<Job[]>`
    ${jobRows(sql)}
    where (${filter.archive_id ?? null}::integer is null or j.archive_id = ${filter.archive_id ?? null})
      and (${filter.type ?? null}::text is null or j.job_type = ${filter.type ?? null})
      and (${filter.status ?? null}::text is null or j.status = ${filter.status ?? null})
      and (${filter.before ?? null}::bigint is null or j.id < ${filter.before ?? null})
      and (${filter.stack_id ?? null}::integer is null or exists (
        select from archiver.job_stacks as s where s.job_id = j.id and s.stack_id = ${filter.stack_id ?? null}))
    order by j.id desc
    limit ${filter.limit}`
}

/** Throws NotFound. */
export async function getJob(sql: Query, id: number): Promise<Job> {
  const [job] = await sql<Job[]>`${jobRows(sql)} where j.id = ${id}`
  if (!job) throw new NotFound(`There is no job with id ${id}`)
  return job
}

function jobRows(sql: Query) {
  return sql`
    select j.*, extract(epoch from coalesce(j.end_time, now()) - j.start_time)::double precision as duration_seconds,
      (select count(*) from archiver.job_stacks as s where s.job_id = j.id) as stack_count
    from archiver.jobs as j`
}

/** The stacks of a job, in the order they are archived. */
export async function listJobStacks(sql: Query, jobId: number): Promise<JobStack[]> {
  return sql<JobStack[]>`
    select s.*, h.name as host, t.out_of_contact_since, b.id as backup_id,
      extract(epoch from coalesce(s.end_time, now()) - s.start_time)::double precision as duration_seconds
    from archiver.job_stacks as s
    left join archiver.hosts as h on h.id = s.host_id
    left join archiver.tasks as t on t.job_stack_id = s.id
    left join archiver.backups as b on b.job_id = s.job_id and b.stack_id = s.stack_id
    where s.job_id = ${jobId}
    order by s.id`
}

/** Starts a job of an archive. Throws NotFound, and Conflict while one of it has not finished. Resolves with the job's id. */
export async function submitJob(sql: Sql, archiveId: number, trigger: JobTrigger): Promise<number> {
  const [row] = await sql<[{ id: number }]>`select archiver.submit_job(${archiveId}, ${trigger}, false) as id`.catch(
    rethrow,
  )
  return row.id
}

/** Throws NotFound, and Conflict when the job has ended. */
export async function cancelJob(sql: Sql, id: number): Promise<void> {
  await sql`select archiver.cancel_job(${id})`.catch(rethrow)
}

function rethrow(error: unknown): never {
  throw fromSql(error)
}

/**
 * Closes a job whose tasks are all finished: status, reason, totals, closing log lines.
 * Resolves with null when it is closed already or still has work; then nothing was changed.
 */
export async function finishJob(
  sql: Sql,
  id: number,
  closingLines: (job: Job, stacks: JobStack[]) => { level: 'info' | 'warn' | 'error'; text: string }[],
): Promise<Job | null> {
  return sql.begin(async (sql) => {
    const [open] = await sql`
      select from archiver.jobs as j
      where j.id = ${id} and j.status in ('queued', 'running')
        and not exists (select from archiver.tasks as t where t.job_id = j.id and t.state <> 'finished')
      for update`
    if (!open) return null
    const stacks = await listJobStacks(sql, id)
    await sql`
      update archiver.jobs set
        status = ${statusOfJob(stacks)}, reason = ${reasonOfJob(stacks)},
        start_time = coalesce(start_time, created_at), end_time = clock_timestamp(),
        total_size_bytes = ${stacks.reduce((sum, stack) => sum + (stack.archive_size_bytes ?? 0), 0)}
      where id = ${id}`
    const job = await getJob(sql, id)
    for (const line of closingLines(job, stacks)) {
      await sql`select archiver.write_log(${id}, null, ${line.level}, ${line.text})`
    }
    await sql`select archiver.announce('jobs', ${id})`
    return job
  })
}

/** Says in the log of each running task whose agent has gone silent that it has. */
export async function markOutOfContact(sql: Sql): Promise<void> {
  await sql`select archiver.mark_out_of_contact()`
}

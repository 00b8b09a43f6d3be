import type { Query, Sql } from '../connect.ts'
import { fromSql, NotFound } from '../domain/errors.ts'
import {
  isFinished,
  type DryRun,
  type JobOptions,
  type JobResults,
  type JobStatus,
  type JobTrigger,
  type JobType,
} from '../domain/job.ts'
import type { CareResult, PullResult, Step, TaskProgress } from '../domain/task.ts'

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
  /** When its log was removed, which was old then; null while it is there. */
  log_pruned_at: Date | null
  stack_count: number
  options: JobOptions
  /** When its schedule was due; null for what no schedule started. */
  scheduled_for: Date | null
  /** 0 initialise, 1 stacks, 2 retention, 3 finalise. */
  phase: number
  /** When phases 2 and 3 began, by their numbers. */
  phase_times: Record<string, string>
  results: JobResults
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
  /** Of the content in its backup, and of that what was taken over from the backup before without being read. */
  content_bytes: number | null
  reused_bytes: number | null
  progress: TaskProgress | null
  out_of_contact_since: Date | null
  backup_id: number | null
  /** Mounts that are not in the backup, with the reason. */
  not_covered: string[]
  pull: PullResult | null
  reclaimed_bytes: number
  /** The steps of archiving it so far, with when each began. */
  steps: Step[]
}

export interface JobFilter {
  archive_id?: number | undefined
  stack_id?: number | undefined
  /** One that it archived a stack of, or had a task of. */
  host_id?: number | undefined
  type?: JobType | undefined
  status?: JobStatus | undefined
  triggered_by?: JobTrigger | undefined
  is_dry_run?: boolean | undefined
  /** Asked for at this moment or later. */
  from?: string | undefined
  /** Asked for before this moment. */
  to?: string | undefined
  /** In the archive's name, a stack's or the reason, whatever its case. */
  search?: string | undefined
  /** Only jobs older than this id. */
  before?: number | undefined
  limit: number
}

/** Newest first. */
export async function listJobs(sql: Sql, filter: JobFilter): Promise<Job[]> {
  const { archive_id, stack_id, host_id, type, status, triggered_by, is_dry_run, from, to, search, before, limit } =
    filter
  // conditions that are not asked for are not in the question, so that each has the plan of its own index
  return sql<Job[]>`
    ${jobRows(sql)}
    where true
      ${archive_id === undefined ? sql`` : sql`and j.archive_id = ${archive_id}`}
      ${type === undefined ? sql`` : sql`and j.job_type = ${type}`}
      ${status === undefined ? sql`` : sql`and j.status = ${status} ${isFinished(status) ? sql`` : unfinished(sql)}`}
      ${triggered_by === undefined ? sql`` : sql`and j.triggered_by = ${triggered_by}`}
      ${is_dry_run === undefined ? sql`` : sql`and j.is_dry_run = ${is_dry_run}`}
      ${from === undefined ? sql`` : sql`and j.created_at >= ${from}`}
      ${to === undefined ? sql`` : sql`and j.created_at < ${to}`}
      ${search === undefined ? sql`` : mentioning(sql, containing(search))}
      ${before === undefined ? sql`` : sql`and j.id < ${before}`}
      ${stack_id === undefined ? sql`` : ofStack(sql, stack_id)}
      ${host_id === undefined ? sql`` : onHost(sql, host_id)}
    order by j.id desc
    limit ${limit}`
}

/** Few are, among many: they have an index of their own, which Postgres takes when it reads these words. */
function unfinished(sql: Sql) {
  return sql`and j.status in ('queued', 'running')`
}

function ofStack(sql: Sql, id: number) {
  return sql`and exists (select from archiver.job_stacks as s where s.job_id = j.id and s.stack_id = ${id})`
}

function onHost(sql: Sql, id: number) {
  return sql`and (exists (select from archiver.job_stacks as s where s.job_id = j.id and s.host_id = ${id})
    or exists (select from archiver.tasks as t where t.job_id = j.id and t.host_id = ${id}))`
}

function mentioning(sql: Sql, pattern: string) {
  return sql`and (j.archive_name ilike ${pattern} or j.reason ilike ${pattern} or exists (
    select from archiver.job_stacks as s where s.job_id = j.id and s.stack_name ilike ${pattern}))`
}

/** The pattern of texts that contain this one. */
export function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
}

/** Throws NotFound. */
export async function getJob(sql: Query, id: number): Promise<Job> {
  const job = await findJob(sql, id)
  if (!job) throw new NotFound(`There is no job with id ${id}`)
  return job
}

export async function findJob(sql: Query, id: number): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`${jobRows(sql)} where j.id = ${id}`
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
    left join archiver.tasks as t on t.job_id = s.job_id and t.job_stack_id = s.id and t.kind = 'archive_stack'
    left join archiver.backups as b on b.job_id = s.job_id and b.stack_id = s.stack_id
    where s.job_id = ${jobId}
    order by s.id`
}

/** What became of an existing backup in a job. */
export type TouchedBackup = Pick<CareResult, 'id' | 'did' | 'reason' | 'bytes'> & { stack_name: string; path: string }

/** The backups that a job read, removed or moved; of tasks that have ended. */
export async function listTouchedBackups(sql: Query, jobId: number): Promise<TouchedBackup[]> {
  return sql<TouchedBackup[]>`
    select b.id, b.stack_name, b.path, one.did, coalesce(one.reason, '') as reason, coalesce(one.bytes, 0) as bytes
    from archiver.tasks as t
    cross join jsonb_to_recordset(case when jsonb_typeof(t.outcome -> 'backups') = 'array' then t.outcome -> 'backups' else '[]' end)
      as one (id bigint, did text, reason text, bytes bigint)
    join archiver.backups as b on b.id = one.id
    where t.job_id = ${jobId} and t.state = 'finished'
    order by t.id, b.id`
}

/** How much of the backups that a job reads back it has read. */
export interface JobProgress {
  bytes: number
  total_bytes: number
}

/** Of a job that reads backups back and has not ended; null of others. Agents count the backups done, and what they read of the next. */
async function readJobProgress(sql: Query, jobId: number): Promise<JobProgress | null> {
  const [row] = await sql<[{ bytes: number; total_bytes: number | null }]>`
    select sum(case
        when t.state = 'finished' or b.place <= coalesce((t.progress ->> 'files')::bigint, 0) then b.size_bytes
        when b.place = (t.progress ->> 'files')::bigint + 1 then least(b.size_bytes, (t.progress ->> 'bytes')::bigint)
        else 0 end)::bigint as bytes,
      sum(b.size_bytes)::bigint as total_bytes
    from archiver.tasks as t
    join archiver.jobs as j on j.id = t.job_id
    cross join rows from (jsonb_to_recordset(t.payload -> 'backups') as (size_bytes bigint)) with ordinality as b(size_bytes, place)
    where t.job_id = ${jobId} and t.kind = 'verify_backups' and j.status in ('queued', 'running')`
  return row.total_bytes === null ? null : { bytes: row.bytes, total_bytes: row.total_bytes }
}

/** A job with all that its page shows. Throws NotFound. */
export async function readJobDetail(
  sql: Query,
  id: number,
): Promise<{ job: Job; metrics: JobStack[]; backups: TouchedBackup[]; progress: JobProgress | null }> {
  const job = await getJob(sql, id)
  return {
    job,
    metrics: await listJobStacks(sql, id),
    backups: await listTouchedBackups(sql, id),
    progress: job.job_type === 'verify' ? await readJobProgress(sql, id) : null,
  }
}

/** Starts a job of an archive. Throws NotFound, and Conflict while one of it has not finished. Resolves with the job's id. */
export async function submitJob(
  sql: Query,
  archiveId: number,
  trigger: JobTrigger,
  options: { dry_run?: DryRun; scheduled_for?: Date } = {},
): Promise<number> {
  const [row] = await sql<[{ id: number }]>`
    select archiver.start_archive_job(${archiveId}, ${trigger}, ${JSON.stringify(options)}::text::jsonb) as id`.catch(
    rethrow,
  )
  return row.id
}

/** Starts retention alone. Throws NotFound, and Conflict while a job of the archive has not finished. Resolves with the job's id. */
export async function submitRetention(
  sql: Query,
  archiveId: number,
  trigger: JobTrigger,
  dryRun: boolean,
): Promise<number> {
  const [row] = await sql<[{ id: number }]>`
    select archiver.start_retention_job(${archiveId}, ${trigger}, ${dryRun}) as id`.catch(rethrow)
  return row.id
}

/** Throws NotFound, and Conflict when the job has ended. */
export async function cancelJob(sql: Sql, id: number): Promise<void> {
  await sql`select archiver.cancel_job(${id})`.catch(rethrow)
}

function rethrow(error: unknown): never {
  throw fromSql(error)
}

/** Says in the log of each running task whose agent has gone silent that it has. */
export async function markOutOfContact(sql: Sql): Promise<void> {
  await sql`select archiver.mark_out_of_contact()`
}

/** Ends what nobody else would: tasks of schedules whose agent came too late, and jobs whose tasks are gone. */
export async function endForgottenWork(sql: Sql): Promise<void> {
  await sql`select archiver.end_forgotten_work()`
}

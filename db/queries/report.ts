// Everything a mail about a finished job tells.
import type { Query } from '../connect.ts'
import type { HostStatus } from '../domain/host.ts'
import type { JobOptions, JobResults, JobStatus, JobTrigger, JobType } from '../domain/job.ts'
import type { PullResult } from '../domain/task.ts'

export interface Report {
  job: ReportedJob
  stacks: ReportedJobStack[]
  /** Of the hosts this job worked on; null where their agents could not read it. */
  disks: { host: string; disk: HostStatus['disk'] }[]
  /** Backups that this job found corrupt or missing. */
  damaged: DamagedBackup[]
}

export interface ReportedJob {
  id: number
  job_type: JobType
  archive_name: string
  status: JobStatus
  reason: string
  triggered_by: JobTrigger
  is_dry_run: boolean
  created_at: Date
  start_time: Date | null
  end_time: Date | null
  duration_seconds: number | null
  total_size_bytes: number
  reclaimed_bytes: number
  options: JobOptions
  results: JobResults
}

export interface ReportedJobStack {
  stack_name: string
  host: string | null
  status: JobStatus
  reason: string
  was_running: boolean | null
  duration_seconds: number | null
  downtime_seconds: number | null
  archive_path: string | null
  archive_size_bytes: number | null
  file_count: number | null
  not_covered: string[]
  pull: PullResult | null
}

export interface DamagedBackup {
  id: number
  host: string
  archive_name: string
  stack_name: string
  path: string
  size_bytes: number
  created_at: Date
  verify_error: string
}

/** Null when there is no such job. */
export async function readReport(sql: Query, jobId: number): Promise<Report | null> {
  const [job] = await sql<ReportedJob[]>`
    select j.*, extract(epoch from j.end_time - j.start_time)::double precision as duration_seconds
    from archiver.jobs as j where j.id = ${jobId}`
  if (!job) return null
  const stacks = await sql<ReportedJobStack[]>`
    select s.*, h.name as host, extract(epoch from s.end_time - s.start_time)::double precision as duration_seconds
    from archiver.job_stacks as s left join archiver.hosts as h on h.id = s.host_id
    where s.job_id = ${jobId} order by s.id`
  const disks = await sql<Report['disks']>`
    select h.name as host, h.status -> 'disk' as disk from archiver.hosts as h
    where h.id in (select t.host_id from archiver.tasks as t where t.job_id = ${jobId}) order by h.name`
  const damaged = await sql<DamagedBackup[]>`
    select b.id, h.name as host, b.archive_name, b.stack_name, b.path, b.size_bytes, b.created_at, b.verify_error
    from archiver.backups as b join archiver.hosts as h on h.id = b.host_id
    where b.id in (
      select (one ->> 'id')::bigint
      from archiver.tasks as t,
        jsonb_array_elements(case when jsonb_typeof(t.outcome -> 'backups') = 'array' then t.outcome -> 'backups' else '[]' end) as one
      where t.job_id = ${jobId} and one ->> 'did' in ('corrupt', 'missing'))
    order by h.name, b.stack_name, b.created_at desc`
  return { job, stacks, disks, damaged }
}

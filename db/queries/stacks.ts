import type { Query, Sql } from '../connect.ts'
import type { BackupState } from '../domain/backup.ts'
import { NotFound } from '../domain/errors.ts'
import type { JobStatus } from '../domain/job.ts'
import type { StackContainer, StackKind, StackMount } from '../domain/stack.ts'

export interface Stack {
  id: number
  host_id: number
  host: string
  name: string
  path: string
  folder: string
  compose_file: string
  project: string
  kind: StackKind
  running: boolean
  containers: StackContainer[]
  mounts: StackMount[]
  own: boolean
  seen_at: Date
  /** Since when its compose file has not been seen; null while it is there. */
  gone_at: Date | null
  /** Those that name it, and those of all stacks of its host. */
  archives: { id: number; name: string }[]
  /** The newest good one that is there. */
  last_backup: { id: number; created_at: string; verified_at: string; size_bytes: number; state: BackupState } | null
  /** The newest that is there, good or not. */
  newest_backup: { id: number; created_at: string; state: BackupState } | null
  /** What the last archive job that ended made of it; dry runs do not count. */
  last_run: { job_id: number; archive_name: string; status: JobStatus; reason: string; end_time: string } | null
}

/** One time an archive job came to this stack. */
export interface StackRun {
  job_id: number
  archive_id: number | null
  archive_name: string
  status: JobStatus
  reason: string
  created_at: Date
  end_time: Date | null
  duration_seconds: number | null
  downtime_seconds: number | null
  archive_size_bytes: number | null
}

/** All stacks, or those of one host; a stack that is gone is listed only while it has an archive or a backup. */
export async function listStacks(sql: Sql, filter: { host_id?: number | undefined } = {}): Promise<Stack[]> {
  return sql<Stack[]>`
    ${stackRows(sql)}
    where (${filter.host_id ?? null}::integer is null or s.host_id = ${filter.host_id ?? null})
      and (s.gone_at is null or chosen.archives <> '[]' or exists (
        select from archiver.backups as b where b.stack_id = s.id and b.state <> 'deleted'))
    order by h.name, s.name, s.id`
}

/** Throws NotFound. */
export async function getStack(sql: Sql, id: number): Promise<Stack> {
  const [stack] = await sql<Stack[]>`${stackRows(sql)} where s.id = ${id}`
  if (!stack) throw new NotFound(`There is no stack with id ${id}`)
  return stack
}

function stackRows(sql: Query) {
  return sql`
    select s.id, s.host_id, h.name as host, s.name, s.path, s.folder, s.compose_file, s.project, s.kind,
      jsonb_path_exists(s.containers, '$[*] ? (@.state == "running" || @.state == "restarting")') as running,
      s.containers, s.mounts, s.own, s.seen_at, s.gone_at, chosen.archives, good.backup as last_backup,
      newest.backup as newest_backup, ran.run as last_run
    from archiver.stacks as s
    join archiver.hosts as h on h.id = s.host_id
    cross join lateral (
      select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name) order by a.name), '[]') as archives
      from archiver.archives as a
      where a.id in (select c.archive_id from archiver.archive_stacks as c where c.stack_id = s.id)
        or (a.all_stacks_of_host = s.host_id and s.gone_at is null and not s.own)
    ) as chosen
    left join lateral (
      select jsonb_build_object('id', b.id, 'created_at', b.created_at, 'verified_at', b.verified_at,
        'size_bytes', b.size_bytes, 'state', b.state) as backup
      from archiver.backups as b
      where b.stack_id = s.id and b.state = 'good' and b.trashed_at is null
      order by b.id desc limit 1
    ) as good on true
    left join lateral (
      select jsonb_build_object('id', b.id, 'created_at', b.created_at, 'state', b.state) as backup
      from archiver.backups as b
      where b.stack_id = s.id and b.state <> 'deleted' and b.trashed_at is null
      order by b.id desc limit 1
    ) as newest on true
    left join lateral (
      select jsonb_build_object('job_id', r.job_id, 'archive_name', j.archive_name, 'status', r.status, 'reason', r.reason,
        'end_time', coalesce(r.end_time, j.end_time)) as run
      from archiver.job_stacks as r
      join archiver.jobs as j on j.id = r.job_id
      where r.stack_id = s.id and j.job_type = 'archive' and not j.is_dry_run and r.status not in ('queued', 'running')
      order by r.id desc limit 1
    ) as ran on true`
}

/** Newest first; dry runs are left out. */
export async function listStackRuns(sql: Sql, stackId: number, limit: number): Promise<StackRun[]> {
  return sql<StackRun[]>`
    select r.job_id, j.archive_id, j.archive_name, r.status, r.reason, j.created_at, r.end_time, r.downtime_seconds,
      r.archive_size_bytes, extract(epoch from r.end_time - r.start_time)::double precision as duration_seconds
    from archiver.job_stacks as r
    join archiver.jobs as j on j.id = r.job_id
    where r.stack_id = ${stackId} and j.job_type = 'archive' and not j.is_dry_run
    order by r.id desc
    limit ${limit}`
}

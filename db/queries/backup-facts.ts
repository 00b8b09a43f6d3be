// What is known of one backup beyond its row: how it was made, what was done to it since, what is done to it now.
import type { Query } from '../connect.ts'
import type { ArchiveMode } from '../domain/archive.ts'
import type { CareResult, PackedSource, TaskKind } from '../domain/task.ts'

/** The work that made it, as the job remembers it. */
export interface Making {
  mode: ArchiveMode
  /** The directory of the stack. */
  directory: string
  include_volumes: boolean
  exclude: string[]
  /** What was packed; null where the agent of that time did not tell. */
  packed: PackedSource[] | null
  not_covered: string[]
  downtime_seconds: number | null
  was_running: boolean | null
  duration_seconds: number | null
  /** Warnings and errors of the log, the first hundred. */
  notes: string[]
  notes_count: number
  /** When the log, old then, was removed. */
  log_pruned_at: Date | null
}

/** Null: the job that made it is not known. */
export async function makingOf(sql: Query, backupId: number): Promise<Making | null> {
  const [making] = await sql<Making[]>`
    select t.payload #>> '{archive,mode}' as mode, t.payload #>> '{stack,path}' as directory,
      (t.payload #>> '{archive,include_volumes}')::boolean as include_volumes,
      coalesce(t.payload #> '{archive,exclude}', '[]') as exclude,
      nullif(t.outcome -> 'packed', 'null'::jsonb) as packed,
      s.not_covered, s.downtime_seconds, s.was_running,
      extract(epoch from s.end_time - s.start_time)::double precision as duration_seconds,
      notes.first as notes, notes.count as notes_count, j.log_pruned_at
    from archiver.backups as b
    join archiver.jobs as j on j.id = b.job_id
    join archiver.job_stacks as s on s.job_id = b.job_id and s.stack_id = b.stack_id
    join archiver.tasks as t on t.job_id = s.job_id and t.job_stack_id = s.id and t.kind = 'archive_stack'
    cross join lateral (
      select count(*) as count, coalesce((array_agg(l.text order by l.line))[1:100], '{}') as first
      from archiver.log_lines as l
      where l.job_id = s.job_id and l.job_stack_id = s.id and l.level in ('warn', 'error')
    ) as notes
    where b.id = ${backupId}
    order by t.id desc limit 1`
  return making ?? null
}

export interface BackupEvent {
  at: Date
  did: CareResult['did']
  reason: string
  job_id: number
}

const caring = ['delete_backups', 'trash_backups', 'untrash_backups', 'verify_backups', 'clean_up'] as const

/** What was done to it since it was made, newest first: the last hundred times. */
export async function historyOf(sql: Query, backupId: number): Promise<BackupEvent[]> {
  // the kinds stand in the question as the index names them
  return sql<BackupEvent[]>`
    select t.finished_at as at, r.did, coalesce(r.reason, '') as reason, t.job_id
    from archiver.tasks as t,
      jsonb_to_recordset(t.outcome -> 'backups') as r(id bigint, did text, reason text)
    where t.kind in ('delete_backups', 'trash_backups', 'untrash_backups', 'verify_backups', 'clean_up')
      and t.outcome -> 'backups' @> jsonb_build_array(jsonb_build_object('id', ${backupId}::bigint))
      and r.id = ${backupId}
    order by t.id desc limit 100`
}

export interface BackupWork {
  job_id: number
  kind: TaskKind
  /** False: it waits for the agent. */
  running: boolean
  since: Date
}

/** What is being done to it; null when nothing is. */
export async function workOn(sql: Query, backupId: number): Promise<BackupWork | null> {
  const [work] = await sql<BackupWork[]>`
    select job_id, kind, state = 'running' as running, coalesce(claimed_at, created_at) as since
    from archiver.tasks
    where state <> 'finished' and kind = any(${[...caring]})
      and payload -> 'backups' @> jsonb_build_array(jsonb_build_object('id', ${backupId}::bigint))
    order by id limit 1`
  return work ?? null
}

import type { Sql } from '../connect.ts'
import type { BackupState } from '../domain/backup.ts'
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
  archives: { id: number; name: string }[]
  /** The newest good one that is there. */
  last_backup: { id: number; created_at: string; size_bytes: number; state: BackupState } | null
}

/** All stacks, or those of one host; a stack that is gone is listed only while it has an archive or a backup. */
export async function listStacks(sql: Sql, filter: { host_id?: number | undefined } = {}): Promise<Stack[]> {
  return sql<Stack[]>`
    select s.id, s.host_id, h.name as host, s.name, s.path, s.folder, s.compose_file, s.project, s.kind,
      jsonb_path_exists(s.containers, '$[*] ? (@.state == "running" || @.state == "restarting")') as running,
      s.containers, s.mounts, s.own, s.seen_at, s.gone_at, chosen.archives, newest.backup as last_backup
    from archiver.stacks as s
    join archiver.hosts as h on h.id = s.host_id
    cross join lateral (
      select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name) order by a.name), '[]') as archives
      from archiver.archive_stacks as c join archiver.archives as a on a.id = c.archive_id
      where c.stack_id = s.id
    ) as chosen
    left join lateral (
      select jsonb_build_object('id', b.id, 'created_at', b.created_at, 'size_bytes', b.size_bytes, 'state', b.state) as backup
      from archiver.backups as b
      where b.stack_id = s.id and b.state = 'good' and b.trashed_at is null
      order by b.id desc limit 1
    ) as newest on true
    where (${filter.host_id ?? null}::integer is null or s.host_id = ${filter.host_id ?? null})
      and (s.gone_at is null or chosen.archives <> '[]' or exists (
        select from archiver.backups as b where b.stack_id = s.id and b.state <> 'deleted'))
    order by h.name, s.name, s.id`
}

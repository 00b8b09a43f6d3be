import type { Sql } from '../connect.ts'
import type { ArchiveFormat } from '../domain/archive.ts'
import type { BackupState } from '../domain/backup.ts'

export interface Backup {
  id: number
  host_id: number
  host: string
  stack_id: number | null
  archive_id: number | null
  job_id: number | null
  archive_name: string
  stack_name: string
  /** Below the archives folder of its host. */
  path: string
  format: ArchiveFormat
  state: BackupState
  size_bytes: number
  file_count: number
  /** Of the file, hex. */
  sha256: string
  created_at: Date
  verified_at: Date
}

export interface BackupFilter {
  stack_id?: number | undefined
  archive_id?: number | undefined
  job_id?: number | undefined
  /** Only backups older than this id. */
  before?: number | undefined
  limit: number
}

/** Newest first; deleted ones are left out. */
export async function listBackups(sql: Sql, filter: BackupFilter): Promise<Backup[]> {
  return sql<Backup[]>`
    select b.*, h.name as host
    from archiver.backups as b
    join archiver.hosts as h on h.id = b.host_id
    where b.state <> 'deleted'
      and (${filter.stack_id ?? null}::integer is null or b.stack_id = ${filter.stack_id ?? null})
      and (${filter.archive_id ?? null}::integer is null or b.archive_id = ${filter.archive_id ?? null})
      and (${filter.job_id ?? null}::bigint is null or b.job_id = ${filter.job_id ?? null})
      and (${filter.before ?? null}::bigint is null or b.id < ${filter.before ?? null})
    order by b.id desc
    limit ${filter.limit}`
}

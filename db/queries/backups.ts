// Backups: finding them, and the jobs by which a person cares for one of them.
import type { Query, Sql } from '../connect.ts'
import type { ArchiveFormat } from '../domain/archive.ts'
import type { BackupState } from '../domain/backup.ts'
import { Conflict, NotFound } from '../domain/errors.ts'
import type { JobTrigger, JobType } from '../domain/job.ts'
import type { KnownBackup, TaskKind } from '../domain/task.ts'
import { closeUnreachableCare, writeLogLine } from './care.ts'

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
  /** What was wrong when it was read back last; empty when nothing was. */
  verify_error: string
  pinned: boolean
  /** In the trash since then; null when it is not. */
  trashed_at: Date | null
  deleted_at: Date | null
  delete_reason: string
  /** When a person said that it is right although it is much smaller than the one before. */
  acknowledged_at: Date | null
  /** No other good backup of its stack is there. */
  last_good: boolean
}

export interface BackupFilter {
  stack_id?: number | undefined
  archive_id?: number | undefined
  job_id?: number | undefined
  host_id?: number | undefined
  /** `deleted` brings those that are gone, which are left out otherwise. */
  state?: BackupState | undefined
  /** Those in the trash, and no others; else they are left out. */
  trashed?: boolean | undefined
  /** Pinned ones, and no others. */
  pinned?: boolean | undefined
  /** In the name of the stack or the archive, or in the path; whatever its case. */
  search?: string | undefined
}

/** Newest first. `before`: only backups older than this id. */
export async function listBackups(
  sql: Sql,
  filter: BackupFilter & { before?: number | undefined; limit: number },
): Promise<Backup[]> {
  const { before, limit } = filter
  return sql<Backup[]>`
    ${backupRows(sql)}
    where ${matching(sql, filter)}
      ${before === undefined ? sql`` : sql`and b.id < ${before}`}
    order by b.id desc
    limit ${limit}`
}

/** How many there are, and their bytes. */
export async function countBackups(sql: Sql, filter: BackupFilter): Promise<{ count: number; size_bytes: number }> {
  const [totals] = await sql<[{ count: number; size_bytes: number }]>`
    select count(*) as count, coalesce(sum(b.size_bytes), 0)::bigint as size_bytes
    from archiver.backups as b where ${matching(sql, filter)}`
  return totals
}

function matching(sql: Sql, filter: BackupFilter) {
  const { stack_id, archive_id, job_id, host_id, state, trashed, pinned, search } = filter
  const words = `%${search?.replaceAll(/[\\%_]/g, '\\$&')}%`
  // conditions that are not asked for are not in the question, so that each has the plan of its own index
  return sql`
    ${state === undefined ? sql`b.state <> 'deleted'` : sql`b.state = ${state}`}
    and ${trashed ? sql`b.trashed_at is not null` : sql`b.trashed_at is null`}
    ${stack_id === undefined ? sql`` : sql`and b.stack_id = ${stack_id}`}
    ${archive_id === undefined ? sql`` : sql`and b.archive_id = ${archive_id}`}
    ${job_id === undefined ? sql`` : sql`and b.job_id = ${job_id}`}
    ${host_id === undefined ? sql`` : sql`and b.host_id = ${host_id}`}
    ${pinned ? sql`and b.pinned` : sql``}
    ${search ? sql`and (b.stack_name ilike ${words} or b.archive_name ilike ${words} or b.path ilike ${words})` : sql``}`
}

/** Also when it is in the trash or deleted. Throws NotFound. */
export async function getBackup(sql: Query, id: number): Promise<Backup> {
  const [backup] = await sql<Backup[]>`${backupRows(sql)} where b.id = ${id}`
  if (!backup) throw new NotFound(`There is no backup with id ${id}`)
  return backup
}

function backupRows(sql: Query) {
  return sql`
    select b.id, b.host_id, h.name as host, b.stack_id, b.archive_id, b.job_id, b.archive_name, b.stack_name, b.path, b.format,
      b.state, b.size_bytes, b.file_count, b.sha256, b.created_at, b.verified_at, b.verify_error, b.pinned, b.trashed_at,
      b.deleted_at, b.delete_reason, b.acknowledged_at,
      b.state = 'good' and b.trashed_at is null and not exists (
        select from archiver.backups as o
        where o.stack_id = b.stack_id and o.state = 'good' and o.trashed_at is null and o.id <> b.id) as last_good
    from archiver.backups as b
    join archiver.hosts as h on h.id = b.host_id`
}

/** Pinned backups are kept whatever retention says, and cannot be deleted. All of them or none. Throws NotFound, Conflict. */
export async function pinBackups(sql: Sql, ids: readonly number[], pinned: boolean): Promise<Backup[]> {
  return sql.begin(async (sql) => {
    const backups: Backup[] = []
    for (const id of inOrder(ids)) {
      if (pinned) await refuseWhileMoving(sql, await lockLive(sql, id))
      await sql`update archiver.backups set pinned = ${pinned} where id = ${id}`
      await sql`select archiver.announce('backups', ${id})`
      backups.push(await getBackup(sql, id))
    }
    return backups
  })
}

/** Says that a backup much smaller than the one before is right, so that retention goes on. Throws NotFound, Conflict. */
export async function acknowledgeBackup(sql: Sql, id: number): Promise<Backup> {
  return sql.begin(async (sql) => {
    await lockLive(sql, id)
    await sql`update archiver.backups set acknowledged_at = coalesce(acknowledged_at, now()) where id = ${id}`
    await sql`select archiver.announce('backups', ${id})`
    return getBackup(sql, id)
  })
}

/** Reads every byte of them back, in one job. Resolves with its id. Throws NotFound, Conflict. */
export async function verifyBackups(sql: Sql, ids: readonly number[], trigger: JobTrigger): Promise<number> {
  return sql.begin(async (sql) => {
    const backups = await lockEach(sql, ids, lockLive)
    return startCare(sql, 'verify', 'verify_backups', trigger, archiveOf(backups), backups, 'reading back')
  })
}

/** Into the trash of their hosts, from where they can be had back: all or none. Resolves with the job's id. Throws NotFound, Conflict. */
export async function trashBackups(sql: Sql, ids: readonly number[], trigger: JobTrigger): Promise<number> {
  return sql.begin(async (sql) => {
    const backups = await lockEach(sql, ids, async (sql, id) => {
      const backup = await lockLive(sql, id)
      if (backup.pinned) throw new Conflict(`Backup ${id} is pinned. Unpin it first`)
      await refuseWhileMoving(sql, backup)
      return backup
    })
    return startCare(sql, 'cleanup', 'trash_backups', trigger, archiveOf(backups), backups, 'moving into the trash')
  })
}

/** Back from the trash to where they were: all or none. Resolves with the job's id. Throws NotFound, Conflict. */
export async function undeleteBackups(sql: Sql, ids: readonly number[], trigger: JobTrigger): Promise<number> {
  return sql.begin(async (sql) => {
    const backups = await lockEach(sql, ids, async (sql, id) => {
      const backup = await lockBackup(sql, id)
      if (backup.state === 'deleted') throw new Conflict(`Backup ${id} is deleted for good`)
      if (backup.trash_path === null) throw new Conflict(`Backup ${id} is not in the trash`)
      await refuseWhileMoving(sql, backup)
      return backup
    })
    return startCare(sql, 'cleanup', 'untrash_backups', trigger, archiveOf(backups), backups, 'taking out of the trash')
  })
}

/** In the order of their ids, so that two who take some of the same wait for each other, and neither for ever. */
async function lockEach(
  sql: Query,
  ids: readonly number[],
  lock: (sql: Query, id: number) => Promise<HeldBackup>,
): Promise<HeldBackup[]> {
  const backups: HeldBackup[] = []
  for (const id of inOrder(ids)) backups.push(await lock(sql, id))
  return backups
}

function inOrder(ids: readonly number[]): number[] {
  return [...new Set(ids)].sort((one, other) => one - other)
}

/** For the job's name: that of all of them; empty when they are of several archives. */
function archiveOf(backups: readonly HeldBackup[]): string {
  const names = new Set(backups.map(({ archive_name }) => archive_name))
  return names.size === 1 ? (backups[0]?.archive_name ?? '') : ''
}

/**
 * All of an archive that is about to be deleted, but for pinned ones. What this job cannot move, because its host is
 * away, the next cleanup does. Resolves with the job's id; null when there is nothing to move.
 */
export async function trashBackupsOf(
  sql: Query,
  archiveId: number,
  archiveName: string,
  trigger: JobTrigger,
): Promise<number | null> {
  const backups = await sql<HeldBackup[]>`
    update archiver.backups set orphaned_at = case when not pinned then now() end
    where archive_id = ${archiveId} and state <> 'deleted' and trashed_at is null
    returning ${heldColumns(sql)}`
  const pinned = backups.filter((backup) => backup.pinned)
  const moving = backups.filter((backup) => !backup.pinned).sort((a, b) => a.id - b.id)
  if (moving.length === 0) return null
  const jobId = await startCare(sql, 'cleanup', 'trash_backups', trigger, archiveName, moving, 'moving into the trash')
  for (const { path } of pinned) await writeLogLine(sql, jobId, 'info', `Stays, because it is pinned: ${path}`)
  return jobId
}

export type HeldBackup = KnownBackup & {
  host_id: number
  archive_name: string
  stack_name: string
  state: BackupState
  pinned: boolean
  trash_path: string | null
}

export function heldColumns(sql: Query) {
  return sql`id, path, format, size_bytes, sha256, host_id, archive_name, stack_name, state, pinned, trash_path`
}

async function lockBackup(sql: Query, id: number): Promise<HeldBackup> {
  const [backup] = await sql<HeldBackup[]>`
    select ${heldColumns(sql)} from archiver.backups where id = ${id} for update`
  if (!backup) throw new NotFound(`There is no backup with id ${id}`)
  return backup
}

async function lockLive(sql: Query, id: number): Promise<HeldBackup> {
  const backup = await lockBackup(sql, id)
  if (backup.state === 'deleted') throw new Conflict(`Backup ${id} is deleted for good`)
  if (backup.trash_path !== null) throw new Conflict(`Backup ${id} is in the trash. Take it back first`)
  return backup
}

async function refuseWhileMoving(sql: Query, backup: HeldBackup): Promise<void> {
  const [moving] = await sql<{ job_id: number }[]>`
    select job_id from archiver.tasks
    where host_id = ${backup.host_id} and state <> 'finished'
      and kind in ('trash_backups', 'untrash_backups', 'delete_backups')
      and payload -> 'backups' @> jsonb_build_array(jsonb_build_object('id', ${backup.id}::bigint))
    limit 1`
  if (moving) throw new Conflict(`Job ${moving.job_id} is moving backup ${backup.id}. Wait until it has ended`)
}

/** A job with one task for each host that holds some of these backups. Resolves with its id. */
export async function startCare(
  sql: Query,
  jobType: JobType,
  kind: TaskKind,
  trigger: JobTrigger,
  archiveName: string,
  backups: HeldBackup[],
  doing: string,
): Promise<number> {
  const options = { action: kind, backup_ids: backups.map(({ id }) => id) }
  const [job] = await sql<[{ id: number }]>`
    select archiver.start_job(${jobType}, null, ${archiveName}, ${trigger}, false, ${JSON.stringify(options)}::text::jsonb) as id`
  await sql`update archiver.jobs set phase = 3 where id = ${job.id}`
  const [first] = backups
  const what =
    backups.length === 1 && first ? `backup ${first.id} of stack ${first.stack_name}` : `${backups.length} backups`
  await writeLogLine(sql, job.id, 'info', `Phase 0: ${doing}: ${what}`)
  for (const [hostId, ofHost] of Map.groupBy(backups, ({ host_id }) => host_id)) {
    const payload = {
      backups: ofHost.map(({ id, path, format, size_bytes, sha256, trash_path }) => ({
        id,
        path,
        format,
        size_bytes,
        sha256,
        ...(trash_path !== null && { trash_path }),
      })),
    }
    await sql`select archiver.add_task(${job.id}, null, ${hostId}, ${kind}, ${JSON.stringify(payload)}::text::jsonb)`
  }
  await closeUnreachableCare(sql)
  await sql`select archiver.settle_job(${job.id})`
  return job.id
}

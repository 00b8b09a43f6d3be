// Links to backups: who has one, what becomes of it, and what it leads to.
import type { Query, Sql } from '../connect.ts'
import type { ArchiveFormat } from '../domain/archive.ts'
import type { BackupState } from '../domain/backup.ts'
import { deliveredName, preparedName, stateOfDownload, type DownloadState } from '../domain/download.ts'
import { fromSql, NotFound } from '../domain/errors.ts'
import type { JobTrigger } from '../domain/job.ts'
import type { SendBytesPayload } from '../domain/task.ts'

/** A link and the backup behind it, as they are now. */
export interface Download {
  id: number
  backup_id: number
  job_id: number | null
  host_id: number
  host: string
  host_online: boolean
  stack_name: string
  archive_name: string
  /** Below the archives folder of its host. */
  path: string
  format: ArchiveFormat
  /** Name under which it is delivered. */
  file_name: string
  /** Of what is delivered; null while that is not known. */
  size_bytes: number | null
  sha256: string | null
  backup_created_at: Date
  backup_state: BackupState
  trashed_at: Date | null
  verify_error: string
  /** Of a folder backup: whether it lies packed on its host. */
  prepared: 'none' | 'preparing' | 'ready' | 'failed'
  prepare_job_id: number | null
  prepare_reason: string
  state: DownloadState
  created_by: string
  created_at: Date
  expires_at: Date
  origin: string
  notify_emails: string[]
  /** Of those: who has been told. */
  told_emails: string[]
  last_used_at: Date | null
  use_count: number
}

type Row = Omit<Download, 'file_name' | 'state'>

const columns = (sql: Query) => sql`
  d.id, d.backup_id, b.job_id, b.host_id, h.name as host, coalesce(h.last_seen_at > now() - interval '60 seconds', false) as host_online,
  b.stack_name, b.archive_name, b.path, b.format,
  case b.format when 'folder' then p.size_bytes else b.size_bytes end as size_bytes,
  case b.format when 'folder' then p.sha256 else b.sha256 end as sha256,
  b.created_at as backup_created_at, b.state as backup_state, b.trashed_at, b.verify_error,
  coalesce(p.state, 'none') as prepared, p.job_id as prepare_job_id, coalesce(p.reason, '') as prepare_reason,
  d.created_by, d.created_at, d.expires_at, d.origin, d.notify_emails, d.told_emails, d.last_used_at, d.use_count
  from archiver.downloads as d
  join archiver.backups as b on b.id = d.backup_id
  join archiver.hosts as h on h.id = b.host_id
  left join archiver.prepared_files as p on p.backup_id = b.id`

/** Newest first. Expired ones are among them until the cleanup removes them. */
export async function listDownloads(
  sql: Sql,
  filter: { backup_id?: number | undefined; before?: number | undefined; limit: number },
  now: Date,
): Promise<Download[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)}
    where (${filter.backup_id ?? null}::bigint is null or d.backup_id = ${filter.backup_id ?? null})
      and (${filter.before ?? null}::bigint is null or d.id < ${filter.before ?? null})
    order by d.id desc limit ${filter.limit}`
  return rows.map((row) => whole(row, now))
}

/** Throws NotFound. */
export async function getDownload(sql: Query, id: number, now: Date): Promise<Download> {
  const [row] = await sql<Row[]>`select ${columns(sql)} where d.id = ${id}`
  if (!row) throw new NotFound(`There is no download with id ${id}`)
  return whole(row, now)
}

/** Null: no link has this token. */
export async function findDownload(sql: Query, tokenHash: string, now: Date): Promise<Download | null> {
  const [row] = await sql<Row[]>`
    select ${columns(sql)}
    where d.id = (select t.download_id from archiver.download_tokens as t where t.token_hash = ${tokenHash})`
  return row ? whole(row, now) : null
}

function whole(row: Row, now: Date): Download {
  return { ...row, file_name: deliveredName(row), state: stateOfDownload(row, now) }
}

export interface NewDownload {
  backup_id: number
  token_hash: string
  created_by: string
  origin: string
  notify_emails: string[]
  expires_at: Date
}

/** Resolves with its id. */
export async function addDownload(sql: Query, made: NewDownload): Promise<number> {
  const [row] = await sql<[{ id: number }]>`
    with download as (
      insert into archiver.downloads (backup_id, created_by, origin, notify_emails, expires_at)
      values (${made.backup_id}, ${made.created_by}, ${made.origin}, ${made.notify_emails}, ${made.expires_at}) returning id
    ), token as (
      insert into archiver.download_tokens (token_hash, download_id) select ${made.token_hash}, id from download
    )
    select id, archiver.announce('downloads', id) from download`
  return row.id
}

/** One more token for the same link. False: the link has expired, or was deleted. */
export async function addDownloadToken(sql: Query, id: number, tokenHash: string): Promise<boolean> {
  const { count } = await sql`
    insert into archiver.download_tokens (token_hash, download_id)
    select ${tokenHash}, d.id from archiver.downloads as d where d.id = ${id} and d.expires_at > now()`
  return count > 0
}

/** Its tokens stop working at once. Throws NotFound. */
export async function deleteDownload(sql: Query, id: number): Promise<void> {
  const { count } = await sql`delete from archiver.downloads where id = ${id}`
  if (count === 0) throw new NotFound(`There is no download with id ${id}`)
  await sql`select archiver.announce('downloads', ${id}::bigint)`
}

/** The newest backup that a job made of the stack of this name. Throws NotFound. */
export async function backupOfJob(sql: Sql, jobId: number, stackName: string): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    select id from archiver.backups where job_id = ${jobId} and stack_name = ${stackName} order by id desc limit 1`
  if (!row) throw new NotFound(`Job ${jobId} made no backup of a stack named "${stackName}"`)
  return row.id
}

export interface DownloadableBackup {
  id: number
  path: string
  format: ArchiveFormat
  state: BackupState
  trashed_at: Date | null
  verify_error: string
}

/** Throws NotFound. */
export async function getDownloadableBackup(sql: Query, id: number): Promise<DownloadableBackup> {
  const [row] = await sql<DownloadableBackup[]>`
    select id, path, format, state, trashed_at, verify_error from archiver.backups where id = ${id}`
  if (!row) throw new NotFound(`There is no backup with id ${id}`)
  return row
}

/**
 * Packs a folder backup on its host, once however many ask; resolves with the job, or null when it is there already.
 * `again`: whatever is recorded, the host looks whether it is there. Throws NotFound and Conflict.
 */
export async function prepareDownload(
  sql: Query,
  backup: { backup_id: number; path: string; format: ArchiveFormat },
  triggeredBy: JobTrigger,
  again = false,
): Promise<number | null> {
  try {
    const name = preparedName(backup)
    const [row] = await sql<
      [{ job: number | null }]
    >`select archiver.prepare_download(${backup.backup_id}, ${name}, ${triggeredBy}, ${again}) as job`
    return row.job
  } catch (error) {
    throw fromSql(error)
  }
}

/** The file that was there is not there any more. */
export async function forgetPreparedFile(sql: Sql, backupId: number, reason: string): Promise<void> {
  await sql`
    update archiver.prepared_files set state = 'failed', reason = ${reason}, path = null, size_bytes = null, sha256 = null, updated_at = now()
    where backup_id = ${backupId} and state = 'ready'`
  await sql`select archiver.announce('downloads')`
}

/** Who is mailed the link once the file is there; those who were told before are told again. False: the list is full. */
export async function addNotifyEmails(sql: Query, id: number, emails: string[], most: number): Promise<boolean> {
  const { count } = await sql`
    update archiver.downloads as d
    set notify_emails = array(select unnest(d.notify_emails) union select unnest(${emails}::text[])),
      told_emails = array(select unnest(d.told_emails) except select unnest(${emails}::text[]))
    where d.id = ${id}
      and cardinality(array(select unnest(d.notify_emails) union select unnest(${emails}::text[]))) <= ${most}`
  await sql`select archiver.announce('downloads', ${id}::bigint)`
  return count > 0
}

/** The file is there: mails the link to whoever is still to be told. */
export async function tellOfDownload(sql: Query, id: number): Promise<void> {
  await sql`select archiver.tell_of_download(${id})`
}

export async function noteDownloadUse(sql: Query, id: number): Promise<void> {
  await sql`update archiver.downloads set last_used_at = now(), use_count = use_count + 1 where id = ${id}`
  await sql`select archiver.announce('downloads', ${id}::bigint)`
}

/** Valid links to folder backups that can be packed: one row a backup. */
export async function foldersWithLinks(
  sql: Sql,
): Promise<{ backup_id: number; path: string; format: ArchiveFormat }[]> {
  return sql<{ backup_id: number; path: string; format: ArchiveFormat }[]>`
    select distinct b.id as backup_id, b.path, b.format
    from archiver.downloads as d join archiver.backups as b on b.id = d.backup_id
    where d.expires_at > now() and b.format = 'folder' and b.state in ('good', 'incomplete') and b.trashed_at is null`
}

/** Resolves with the task. */
export async function askForBytes(sql: Sql, hostId: number, payload: SendBytesPayload): Promise<number> {
  const [row] = await sql<
    [{ id: number }]
  >`select archiver.ask_for_bytes(${hostId}, ${JSON.stringify(payload)}::text::jsonb) as id`
  return row.id
}

/** What became of a transfer's task; null while it has not ended. */
export async function outcomeOfTransfer(sql: Sql, taskId: number): Promise<{ status: string; reason: string } | null> {
  const [row] = await sql<{ outcome: { status: string; reason: string } | null }[]>`
    select outcome from archiver.tasks where id = ${taskId} and state = 'finished'`
  return row?.outcome ?? null
}

export async function dropTransfer(sql: Sql, taskId: number): Promise<void> {
  await sql`select archiver.drop_transfer(${taskId})`
}

import postgres from 'postgres'
import type { Query, Sql } from '../connect.ts'
import type { ArchiveFormat, ArchiveMode } from '../domain/archive.ts'
import { Conflict, Invalid, NotFound } from '../domain/errors.ts'
import type { JobStatus, JobTrigger } from '../domain/job.ts'
import { keepsNothingText } from '../domain/retention.ts'
import { nextRuns } from '../domain/schedule.ts'
import { trashBackupsOf } from './backups.ts'

interface ChosenSettings {
  name: string
  mode: ArchiveMode
  format: ArchiveFormat
  level: number
  include_volumes: boolean
  /** Seconds. */
  max_downtime: number
  time_zone: string
  stack_ids: number[]
}

/** What the table has defaults for (db/domain/archive.ts has the same). */
interface FurtherSettings {
  /** All stacks of this host, those found later included; beside those chosen one by one. */
  all_stacks_of_host: number | null
  /** Patterns as in a .gitignore. */
  exclude: string[]
  /** Folders and files outside the stack's directory that its containers mount. */
  include_bind_mounts: boolean
  schedule_enabled: boolean
  schedule_cron: string
  /** Seconds a run may be late and still run. */
  catch_up_window: number
  retention_keep_days: number
  retention_keep_weeks: number
  retention_keep_months: number
  retention_keep_years: number
  retention_one_per_day: boolean
}

export type ArchiveSettings = ChosenSettings & Partial<FurtherSettings>

export interface Archive extends ChosenSettings, FurtherSettings {
  id: number
  folder: string
  created_at: Date
  updated_at: Date
  /** Null while the schedule is off. */
  next_run_at: Date | null
  /** The last five times it was due and did not run. */
  missed_runs: { scheduled_for: string; reason: string }[]
  last_job: LastJob | null
  /** The last run that has ended, and not a dry one: what its stacks have, whatever runs now. */
  last_result: LastJob | null
}

interface LastJob {
  id: number
  status: JobStatus
  created_at: string
  end_time: string | null
}

export async function listArchives(sql: Sql): Promise<Archive[]> {
  return sql<Archive[]>`${archiveRows(sql)} order by a.name`
}

/** Throws NotFound. */
export async function getArchive(sql: Query, id: number): Promise<Archive> {
  const [archive] = await sql<Archive[]>`${archiveRows(sql)} where a.id = ${id}`
  if (!archive) throw new NotFound(`There is no archive with id ${id}`)
  return archive
}

function archiveRows(sql: Query) {
  return sql`
    select a.*, coalesce(chosen.stack_ids, '{}') as stack_ids, newest.job as last_job, ended.job as last_result,
      missed.runs as missed_runs
    from archiver.archives as a
    left join lateral (
      select array_agg(c.stack_id order by c.stack_id) as stack_ids from archiver.archive_stacks as c where c.archive_id = a.id
    ) as chosen on true
    left join lateral (
      select jsonb_build_object('id', j.id, 'status', j.status, 'created_at', j.created_at, 'end_time', j.end_time) as job
      from archiver.jobs as j where j.archive_id = a.id order by j.id desc limit 1
    ) as newest on true
    left join lateral (
      select jsonb_build_object('id', j.id, 'status', j.status, 'created_at', j.created_at, 'end_time', j.end_time) as job
      from archiver.jobs as j
      where j.archive_id = a.id and j.job_type = 'archive' and not j.is_dry_run and j.end_time is not null
      order by j.id desc limit 1
    ) as ended on true
    left join lateral (
      select coalesce(jsonb_agg(jsonb_build_object('scheduled_for', m.scheduled_for, 'reason', m.reason) order by m.scheduled_for desc), '[]') as runs
      from (select * from archiver.missed_runs as r where r.archive_id = a.id order by r.scheduled_for desc limit 5) as m
    ) as missed on true`
}

/** Throws Conflict when the name is taken, Invalid when a stack does not exist. */
export async function createArchive(sql: Sql, settings: ArchiveSettings): Promise<Archive> {
  const { stack_ids, ...columns } = settings
  const id = await sql
    .begin(async (sql) => {
      const [row] = await sql<[{ id: number }]>`
        insert into archiver.archives ${sql({ ...columns, folder: await freeFolder(sql, settings.name) })} returning id`
      await chooseStacks(sql, row.id, stack_ids)
      await setNextRun(sql, row.id)
      await sql`select archiver.announce('archives', ${row.id})`
      return row.id
    })
    .catch((error: unknown) => refuse(error, settings))
  return getArchive(sql, id)
}

/** Changes what is given. Its folder stays, so its backups stay together. Throws NotFound, Conflict, Invalid. */
export async function updateArchive(sql: Sql, id: number, changes: Partial<ArchiveSettings>): Promise<Archive> {
  const { stack_ids, ...columns } = changes
  await sql
    .begin(async (sql) => {
      const [before] = await sql<[Schedule?]>`${scheduleOf(sql, id)} for no key update`
      if (!before) throw new NotFound(`There is no archive with id ${id}`)
      await sql`update archiver.archives set ${sql({ ...columns, updated_at: new Date() })} where id = ${id}`
      if (stack_ids) {
        await sql`delete from archiver.archive_stacks where archive_id = ${id}`
        await chooseStacks(sql, id, stack_ids)
      }
      await mustHaveStacks(sql, id)
      const [after] = await sql<[Schedule]>`${scheduleOf(sql, id)}`
      // a run that is due this minute is not put off by a change that is about something else
      if (JSON.stringify(before) !== JSON.stringify(after)) await setNextRun(sql, id)
      await sql`select archiver.announce('archives', ${id})`
    })
    .catch((error: unknown) => refuse(error, changes))
  return getArchive(sql, id)
}

/**
 * Removes the configuration; its jobs stay, and its backups stay or go to the trash. Resolves with the id of the job
 * that moves them, or null. Throws NotFound, and Conflict while a job of it runs.
 */
export async function deleteArchive(
  sql: Sql,
  id: number,
  backups: 'keep' | 'trash',
  trigger: JobTrigger,
): Promise<number | null> {
  return sql.begin(async (sql) => {
    // the same lock submit_job takes: no job begins while this is under way
    const [archive] = await sql<{ name: string }[]>`select name from archiver.archives where id = ${id} for update`
    if (!archive) throw new NotFound(`There is no archive with id ${id}`)
    const [job] = await sql<{ id: number }[]>`
      select id from archiver.jobs where archive_id = ${id} and status in ('queued', 'running') limit 1`
    if (job) throw new Conflict(`Job ${job.id} of archive "${archive.name}" has not finished yet`)
    const jobId = backups === 'trash' ? await trashBackupsOf(sql, id, archive.name, trigger) : null
    await sql`delete from archiver.archives where id = ${id}`
    await sql`select archiver.announce('archives', ${id})`
    return jobId
  })
}

interface Schedule {
  schedule_enabled: boolean
  schedule_cron: string
  time_zone: string
}

function scheduleOf(sql: Query, id: number) {
  return sql`select schedule_enabled, schedule_cron, time_zone from archiver.archives where id = ${id}`
}

async function setNextRun(sql: Query, id: number): Promise<void> {
  const [row] = await sql<[Schedule & { now: Date }]>`
    select schedule_enabled, schedule_cron, time_zone, now() as now from archiver.archives where id = ${id}`
  const times = { timeZone: row.time_zone, after: row.now, count: 1 }
  const next = row.schedule_enabled ? nextRuns(row.schedule_cron, times)[0] : undefined
  await sql`update archiver.archives set next_run_at = ${next ?? null} where id = ${id}`
}

async function mustHaveStacks(sql: Query, id: number): Promise<void> {
  const [row] = await sql<[{ has_some: boolean }]>`
    select a.all_stacks_of_host is not null
      or exists (select from archiver.archive_stacks as c where c.archive_id = a.id) as has_some
    from archiver.archives as a where a.id = ${id}`
  if (!row.has_some) throw new Invalid('choose at least one stack, or all stacks of a host', 'stack_ids')
}

async function freeFolder(sql: Query, name: string): Promise<string> {
  const [row] = await sql<[{ folder: string }]>`
    select candidate as folder
    from (select archiver.folder_name(${name}) as base) as named,
      lateral (
        select case n when 1 then base else base || '-' || n end as candidate, n
        from generate_series(1, (select count(*) + 1 from archiver.archives)) as n
      ) as candidates
    where not exists (select from archiver.archives as a where a.folder = candidate)
    order by n limit 1`
  return row.folder
}

async function chooseStacks(sql: Query, id: number, stackIds: number[]): Promise<void> {
  await sql`
    insert into archiver.archive_stacks (archive_id, stack_id)
    select ${id}, stack_id from unnest(${stackIds}::integer[]) as stack_id on conflict do nothing`
}

function refuse(error: unknown, settings: Partial<ArchiveSettings>): never {
  if (error instanceof postgres.PostgresError) {
    if (error.code === '23505')
      throw new Conflict(`There is already an archive named "${settings.name}"`, { cause: error })
    if (error.constraint_name === 'archives_all_stacks_of_host_fkey')
      throw new Invalid('There is no such host', 'all_stacks_of_host')
    if (error.code === '23503') throw new Invalid('One of the chosen stacks does not exist', 'stack_ids')
    if (error.constraint_name === 'keeps_something') throw new Invalid(keepsNothingText, 'retention_keep_days')
  }
  throw error
}

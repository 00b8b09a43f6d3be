// Archives whose schedule is due: starts their jobs, or records why not.
import type { Query, Sql } from '../connect.ts'
import { decideDue, nextRuns } from '../domain/schedule.ts'
import { submitJob } from './jobs.ts'
import { readSettings } from './settings.ts'

interface DueArchive {
  id: number
  schedule_cron: string
  time_zone: string
  catch_up_window: number
  next_run_at: Date | null
}

interface UnfinishedJob {
  id: number
  /** It makes backups itself. */
  archives: boolean
}

/** One archive that cannot be started keeps no other from starting: what went wrong is thrown at the end. */
export async function startDueArchives(sql: Sql, now: Date): Promise<void> {
  const due = await sql<{ id: number; name: string }[]>`
    select id, name from archiver.archives
    where schedule_enabled and (next_run_at is null or next_run_at <= ${now}) order by next_run_at, id`
  const errors: Error[] = []
  for (const { id, name } of due)
    await startDueArchive(sql, id, now).catch((cause: unknown) =>
      errors.push(new Error(`The schedule of archive "${name}" could not be looked at`, { cause })),
    )
  if (errors.length > 0) throw new AggregateError(errors)
}

async function startDueArchive(sql: Sql, id: number, now: Date): Promise<void> {
  const skipped = await sql.begin(async (sql) => {
    // several servers may look at once; the next minute looks again
    const [archive] = await sql<DueArchive[]>`
      select id, schedule_cron, time_zone, catch_up_window, next_run_at from archiver.archives
      where id = ${id} and schedule_enabled and (next_run_at is null or next_run_at <= ${now})
      for no key update skip locked`
    if (!archive) return null
    const { schedule_cron: cron, time_zone: timeZone, next_run_at: due } = archive
    if (!due) {
      await setNextRun(sql, id, nextRuns(cron, { timeZone, after: now, count: 1 })[0])
      return null
    }
    const { maintenance_mode } = await readSettings(sql, 'general')
    const unfinished = await unfinishedJob(sql, id)
    const held = maintenance_mode
      ? 'maintenance mode was on'
      : unfinished?.archives
        ? `skipped: job ${unfinished.id} was still running`
        : ''
    const { run, missed, next } = decideDue({ cron, timeZone, due, now, catchUpWindow: archive.catch_up_window, held })
    // a dry run, or retention, is soon over
    if (run && unfinished) return null

    for (const { scheduled_for, reason } of missed)
      await sql`
        insert into archiver.missed_runs (archive_id, scheduled_for, reason) values (${id}, ${scheduled_for}, ${reason})`
    await setNextRun(sql, id, next)
    if (run) await submitJob(sql, id, 'schedule', { scheduled_for: run })
    return unfinished?.archives && !maintenance_mode ? { job: unfinished.id, times: missed } : null
  })
  // after the archive's lock is gone: whoever ends that job holds its row, and may want the archive's
  for (const { scheduled_for } of skipped?.times ?? [])
    await sql`
      select archiver.write_log(${skipped?.job ?? 0}, null, 'warn',
        ${`The run due at ${scheduled_for.toISOString()} is skipped: this job is still running`})`
}

async function setNextRun(sql: Query, id: number, next: Date | undefined): Promise<void> {
  await sql`update archiver.archives set next_run_at = ${next ?? null} where id = ${id}`
  await sql`select archiver.announce('archives', ${id})`
}

async function unfinishedJob(sql: Query, archiveId: number): Promise<UnfinishedJob | undefined> {
  const [job] = await sql<UnfinishedJob[]>`
    select id, job_type = 'archive' and not is_dry_run as archives from archiver.jobs
    where id = archiver.unfinished_job(${archiveId})`
  return job
}

/** Those older than this; of the last year they are kept, since the calendar shows them. */
export async function forgetMissedRuns(sql: Query, olderThan: Date): Promise<void> {
  await sql`delete from archiver.missed_runs where scheduled_for < least(${olderThan}, now() - interval '1 year')`
}

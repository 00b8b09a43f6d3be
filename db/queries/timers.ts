// When work of the whole installation is due; an archive's times are its own.
import type { Query } from '../connect.ts'
import { nextRuns } from '../domain/schedule.ts'

type Timer = 'cleanup' | 'verify'

/**
 * The time that has come, or null; then the next one is set, in the caller's transaction, so that of several servers
 * one gets it. Times that passed while nobody looked are one, and it is never too late for it: nothing is stopped by this work.
 */
export async function takeTurn(
  sql: Query,
  name: Timer,
  cron: string,
  timeZone: string,
  now: Date,
): Promise<Date | null> {
  const next = () => nextRuns(cron, { timeZone, after: now, count: 1 })[0] ?? null
  await sql`
    insert into archiver.timers (name, cron, time_zone, next_run_at) values (${name}, ${cron}, ${timeZone}, ${next()})
    on conflict (name) do nothing`
  const [timer] = await sql<[{ cron: string; time_zone: string; next_run_at: Date | null }]>`
    select cron, time_zone, next_run_at from archiver.timers where name = ${name} for update`
  const isChanged = timer.cron !== cron || timer.time_zone !== timeZone
  const due = !isChanged && timer.next_run_at !== null && timer.next_run_at <= now ? timer.next_run_at : null
  if (isChanged || due)
    await sql`
      update archiver.timers set cron = ${cron}, time_zone = ${timeZone}, next_run_at = ${next()} where name = ${name}`
  return due
}

/** When it is due next; in the past when that is now. */
export async function nextTurn(
  sql: Query,
  name: Timer,
  cron: string,
  timeZone: string,
  now: Date,
): Promise<Date | null> {
  const [timer] = await sql<{ next_run_at: Date | null }[]>`
    select next_run_at from archiver.timers where name = ${name} and cron = ${cron} and time_zone = ${timeZone}`
  return timer ? timer.next_run_at : (nextRuns(cron, { timeZone, after: now, count: 1 })[0] ?? null)
}

// Three months that have passed: the product's own schedules, retention, verify and cleanup, asked minute by minute as if
// it were then, with agents that are played; then the times that the database wrote are moved to where they belong.
import type { Sql } from 'db/connect'
import { startDueCleanup } from 'db/queries/cleanup'
import { cancelJob, findJob, submitJob } from 'db/queries/jobs'
import { startDueArchives } from 'db/queries/schedules'
import { changeSettings } from 'db/queries/settings'
import { acknowledgeBackup } from 'db/queries/backups'
import { startRollingVerify } from 'db/queries/verify'
import { finish_job } from '../../functions/tasks/finish_job.ts'
import { run_cleanup } from '../../functions/tasks/run_cleanup.ts'
import type { Played, PlayedAgent } from './played-agent.ts'
import { dayLong, type StacksOnDisk } from './stacks.ts'
import { acknowledged, maintenanceDay, manualRuns, mishaps, outages } from './story.ts'

export interface Past {
  sql: Sql
  agents: PlayedAgent[]
  stacks: StacksOnDisk
  start: Date
  end: Date
  timeZone: string
  /** Stacks that were set up since are started, where there is Docker, and found. */
  lookAgain(): Promise<void>
  signal: AbortSignal
  /** By the clock of today: nothing that has happened then is later. */
  began: Date
}

interface Happening {
  at: Date
  do(): Promise<unknown>
}

export async function playPast(past: Past): Promise<void> {
  const { sql, stacks, start, end, timeZone } = past
  await sql`update archiver.archives set next_run_at = null, created_at = ${start}, updated_at = ${start}`
  await sql`update archiver.hosts set created_at = ${start}`
  await asOf(past, start)
  const happenings = happeningsOf(past)
  for (;;) {
    const [row] = await sql<[{ due: Date }]>`
      select least((select min(next_run_at) from archiver.archives where schedule_enabled),
        (select min(next_run_at) from archiver.timers)) as due`
    const next = happenings[0] && happenings[0].at < row.due ? happenings.shift() : undefined
    const due = afterOutage(next?.at ?? row.due, end)
    if (due >= end) break
    past.signal.throwIfAborted()
    await stacks.growTo(due)
    if (next) {
      await next.do()
      await playJobs(past, due)
    }
    await asOf(past, new Date(due.getTime() + 1000))
    await sql`update archiver.backups set acknowledged_at = ${due} where acknowledged_at >= ${past.began}`
    await sql`update archiver.missed_runs set recorded_at = ${due} where recorded_at >= ${past.began}`
  }
  await stacks.growTo(end)
  await past.lookAgain()
  // who was to be told of what, then; and what waits for a job that has ended
  await sql`select graphile_worker.complete_jobs(array_agg(id)) from graphile_worker.jobs`

  /** What the minute's tick does. */
  async function asOf(past: Past, now: Date): Promise<void> {
    await startDueArchives(sql, now)
    await playJobs(past, now)
    await startDueCleanup(sql, now, timeZone)
    await playJobs(past, now)
    await startRollingVerify(sql, now, timeZone)
    await playJobs(past, now)
  }
}

/** What people did, oldest first. */
function happeningsOf({ sql, start, end, lookAgain }: Past): Happening[] {
  const at = (day: number, hour: number) => {
    const date = new Date(end.getTime() - day * dayLong)
    date.setHours(hour, 4, 21, 0)
    return date
  }
  const pause = (on: boolean) => changeSettings(sql, 'general', { maintenance_mode: on })
  const all: Happening[] = [
    { at: at(maintenanceDay, 10), do: () => pause(true) },
    { at: at(maintenanceDay, 15), do: () => pause(false) },
    ...manualRuns.map(({ day, hour, archive }) => ({ at: at(day, hour), do: () => runByHand(sql, archive) })),
    { at: at(9, 22), do: () => cancelByHand(sql, 'Nightly') },
    { at: at(acknowledged.day, 11), do: () => acknowledge(sql, acknowledged.stack) },
    ...[33, 2].map((day) => ({ at: at(day, 23), do: lookAgain })),
  ]
  return all.filter((one) => one.at > start && one.at < end).sort((a, b) => a.at.getTime() - b.at.getTime())
}

async function runByHand(sql: Sql, archive: string): Promise<number> {
  const [row] = await sql<[{ id: number }]>`select id from archiver.archives where name = ${archive}`
  return submitJob(sql, row.id, 'manual')
}

async function cancelByHand(sql: Sql, archive: string): Promise<void> {
  await cancelJob(sql, await runByHand(sql, archive))
}

async function acknowledge(sql: Sql, stack: string): Promise<void> {
  const [row] = await sql<{ id: number }[]>`
    select id from archiver.backups where stack_name = ${stack} and state = 'good' order by id desc limit 1`
  if (row) await acknowledgeBackup(sql, row.id)
}

/** The server is off: what was due waits until it is back. */
function afterOutage(due: Date, end: Date): Date {
  for (const { day, hours } of outages) {
    const from = new Date(end.getTime() - day * dayLong)
    from.setHours(0, 0, 0, 0)
    const to = new Date(from.getTime() + hours * 3600_000)
    if (due >= from && due < to) return to
  }
  return due
}

async function playJobs(past: Past, now: Date): Promise<void> {
  const open = await past.sql<{ id: number }[]>`
    select id from archiver.jobs where status in ('queued', 'running') order by id`
  for (const { id } of open) await playJob(past, id, now)
}

async function playJob({ sql, agents, end, began }: Past, id: number, at: Date): Promise<void> {
  const day = Math.floor((end.getTime() - at.getTime()) / dayLong)
  const mishapOf = (stack: string, archive: string) =>
    mishaps.find((one) => one.day === day && one.stack === stack && one.archive === archive)
  const played: Played[] = []
  let job = await findJob(sql, id)
  if (job?.job_type === 'cleanup') await run_cleanup(sql, { job_id: id })
  for (let now = at; job && (job.status === 'queued' || job.status === 'running'); job = await findJob(sql, id)) {
    const begin = new Date(now.getTime() + 900)
    const asked = await sql<{ host_id: number }[]>`
      select distinct host_id from archiver.tasks where job_id = ${id} and state <> 'finished'`
    const wanted = agents.filter(({ hostId }) => asked.some(({ host_id }) => host_id === hostId))
    const rounds = await Promise.all(wanted.map((agent) => agent.work(begin, mishapOf)))
    played.push(...rounds.flat())
    now = lastOf(played, begin)
    // it says how long it took
    await sql`
      update archiver.jobs set start_time = clock_timestamp() - make_interval(secs => ${(now.getTime() - at.getTime()) / 1000})
      where id = ${id}`
    await finish_job(sql, { job_id: id })
  }
  await moveTimes(sql, id, at, lastOf(played, at), played, began)
}

function lastOf(played: Played[], otherwise: Date): Date {
  return new Date(Math.max(otherwise.getTime(), ...played.map(({ end }) => end.getTime())))
}

/** Whatever the database wrote of it, since `since`, was written then. */
async function moveTimes(sql: Sql, id: number, at: Date, end: Date, played: Played[], since: Date): Promise<void> {
  const spans = JSON.stringify(played.map(({ task, start, end }) => ({ id: task.id, start, end })))
  await sql.begin(async (sql) => {
    await sql`
      update archiver.jobs set created_at = ${at}, start_time = ${new Date(at.getTime() + 600)},
        end_time = ${new Date(end.getTime() + 800)},
        cancel_requested_at = case when cancel_requested_at is not null then ${end}::timestamptz end
      where id = ${id}`
    await sql`
      update archiver.tasks as t
      set created_at = ${at}, claimed_at = case when t.claimed_at is not null then s.start end, finished_at = s.end
      from jsonb_to_recordset(${spans}::text::jsonb) as s(id bigint, start timestamptz, "end" timestamptz) where t.id = s.id`
    await sql`
      update archiver.tasks set created_at = ${at}, finished_at = ${end} where job_id = ${id} and finished_at >= ${since}`
    await sql`
      update archiver.job_stacks as s set
        start_time = case when s.start_time is not null then coalesce(t.claimed_at, ${at}) end, end_time = coalesce(t.finished_at, ${end})
      from archiver.job_stacks as o
      left join archiver.tasks as t on t.job_stack_id = o.id and t.kind = 'archive_stack'
      where o.id = s.id and s.job_id = ${id}`
    await sql`
      update archiver.log_lines as l set at = m.at
      from (
        select line, case when line = 1 then ${at}::timestamptz when text like 'Phase 3%' then ${end}
          -- as late as what agents had said before it
          else coalesce(max(case when at < ${since} then at end) over (order by line), ${at}) end as at
        from archiver.log_lines where job_id = ${id}
      ) as m
      where l.job_id = ${id} and l.line = m.line and l.at >= ${since}`
    await sql`update archiver.backups set deleted_at = ${end} where deleted_at >= ${since}`
    await sql`update archiver.backups set verified_at = ${end} where verified_at >= ${since}`
  })
}

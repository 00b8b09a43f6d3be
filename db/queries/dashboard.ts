// What the dashboard tells beyond lists: counted here, with days cut in the display time zone.
import type { Query, Sql } from '../connect.ts'
import type { JobStatus } from '../domain/job.ts'
import { readSettings } from './settings.ts'

/** Jobs by how they ended; a number that is not there is 0. `running` counts those that wait, too. */
export interface Results {
  success?: number
  warning?: number
  failed?: number
  cancelled?: number
  running?: number
  /** Times a schedule was due and nothing ran. */
  missed?: number
}

/** `day`: YYYY-MM-DD. */
export type DayResults = Results & { day: string }

export interface ArchiveDays {
  archive_id: number
  /** Of the last run that ended, whatever runs now. */
  last_result: { job_id: number; status: JobStatus; reason: string; end_time: string } | null
  /** Of the last 30 days, those on which anything ran or should have. */
  days: DayResults[]
}

export interface Dashboard {
  today: string
  maintenance_mode: boolean
  storage: { bytes: number; backups: number; trash_bytes: number; corrupt: number }
  last_24_hours: Results
  next_run: { archive_id: number; archive_name: string; at: string } | null
  archives: ArchiveDays[]
  /** Jobs of every type, of the last 12 months. */
  calendar: DayResults[]
}

export const stripDays = 30
export const calendarDays = 365

export async function readDashboard(sql: Sql, timeZone: string): Promise<Dashboard> {
  const [[figures], calendar, archives, { maintenance_mode }] = await Promise.all([
    sql<[Pick<Dashboard, 'today' | 'storage' | 'last_24_hours' | 'next_run'>]>`
      select to_char(now() at time zone ${timeZone}, 'YYYY-MM-DD') as today,
        (
          select jsonb_build_object(
            'bytes', coalesce(sum(size_bytes), 0), 'backups', count(*),
            'trash_bytes', coalesce(sum(size_bytes) filter (where trashed_at is not null), 0),
            'corrupt', count(*) filter (where state = 'corrupt' and trashed_at is null))
          from archiver.backups where state <> 'deleted'
        ) as storage,
        (select ${results(sql)} from (${outcomesSince(sql, sql`now() - interval '24 hours'`)}) as o) as last_24_hours,
        (
          select jsonb_build_object('archive_id', id, 'archive_name', name, 'at', next_run_at)
          from archiver.archives where schedule_enabled and next_run_at is not null order by next_run_at limit 1
        ) as next_run`,
    sql<{ day: DayResults }[]>`
      select jsonb_build_object('day', day) || ${results(sql)} as day
      from (
        select (at at time zone ${timeZone})::date as day, state, sum(n) as n
        from (${outcomesSince(sql, dayBefore(sql, timeZone, calendarDays - 1))}) as o group by 1, 2
      ) as daily
      group by day order by day`,
    sql<ArchiveDays[]>`
      select a.id as archive_id, newest.result as last_result, coalesce(strip.days, '[]') as days
      from archiver.archives as a
      left join lateral (
        select jsonb_build_object('job_id', j.id, 'status', j.status, 'reason', j.reason, 'end_time', j.end_time) as result
        from archiver.jobs as j
        where j.archive_id = a.id and j.job_type = 'archive' and not j.is_dry_run and j.end_time is not null
        order by j.id desc limit 1
      ) as newest on true
      left join (
        select archive_id, jsonb_agg(result order by day) as days
        from (
          select archive_id, day, jsonb_build_object('day', day) || ${results(sql)} as result
          from (
            select archive_id, (at at time zone ${timeZone})::date as day, state, n
            from (${outcomesSince(sql, dayBefore(sql, timeZone, stripDays - 1))}) as o where of_archive
          ) as daily
          group by archive_id, day
        ) as counted
        group by archive_id
      ) as strip on strip.archive_id = a.id
      order by a.id`,
    readSettings(sql, 'general'),
  ])
  return { ...figures, maintenance_mode, archives, calendar: calendar.map(({ day }) => day) }
}

/** The beginning of the day so many days before today. */
function dayBefore(sql: Query, timeZone: string, days: number) {
  return sql`(((now() at time zone ${timeZone})::date - ${days}::integer)::timestamp at time zone ${timeZone})`
}

/** A job counts on the day it was asked for, a missed run on the day it was due. */
function outcomesSince(sql: Query, since: ReturnType<typeof dayBefore>) {
  return sql`
    select archive_id, created_at as at, case when status = 'queued' then 'running' else status end as state, 1 as n,
      job_type = 'archive' as of_archive
    from archiver.jobs where not is_dry_run and created_at >= ${since}
    union all
    select archive_id, scheduled_for, 'missed', 1, true from archiver.missed_runs where scheduled_for >= ${since}`
}

function results(sql: Query) {
  return sql`jsonb_strip_nulls(jsonb_build_object(
    'success', sum(n) filter (where state = 'success'), 'warning', sum(n) filter (where state = 'warning'),
    'failed', sum(n) filter (where state = 'failed'), 'cancelled', sum(n) filter (where state = 'cancelled'),
    'running', sum(n) filter (where state = 'running'), 'missed', sum(n) filter (where state = 'missed')))`
}

/** Bytes of one stack's backups at the end of each day; `stack_id` is null for a stack that is no longer known, and for all others together. */
export interface StorageSeries {
  stack_id: number | null
  stack_name: string
  bytes: number[]
}

export interface StorageOverTime {
  /** Ascending, YYYY-MM-DD; a day or a week apart. */
  days: string[]
  /** The largest of today first. */
  stacks: StorageSeries[]
  /** All others together; null when there are none. */
  others: StorageSeries | null
}

const namedStacks = 7
/** With a history longer than this, one point a week. */
const dailyUpTo = 90

export async function readStorageOverTime(sql: Sql, timeZone: string): Promise<StorageOverTime> {
  const rows = await sql<
    { place: number; stack_id: number | null; stack_name: string; days: string[]; bytes: number[] }[]
  >`
    with span as (
      select (now() at time zone ${timeZone})::date as today
    ), calendar as (
      select array_agg(day::timestamp at time zone ${timeZone} order by day) as starts
      from span, generate_series(span.today - ${calendarDays - 1}::integer, span.today, interval '1 day') as day
    ), sized as materialized (
      -- zone rules are asked for the days, not for each backup
      select coalesce(b.stack_id, 0) as stack_id, case when b.stack_id is null then b.stack_name else '' end as lost_name, width_bucket(b.created_at, c.starts) as came,
        width_bucket(b.deleted_at, c.starts) as went, sum(b.size_bytes) as bytes
      from archiver.backups as b, calendar as c
      where b.state <> 'deleted' or b.deleted_at >= c.starts[1]
      group by 1, 2, 3, 4
    ), placed as (
      select stack_id, lost_name, least(row_number() over (order by sum(bytes) filter (where went is null) desc nulls last, sum(bytes) desc, stack_id, lost_name),
        ${namedStacks + 1}) as place
      from sized group by stack_id, lost_name
    ), deltas as (
      select p.place, change.at, sum(change.bytes) as bytes
      from sized as s
      join placed as p on p.stack_id = s.stack_id and p.lost_name = s.lost_name
      cross join lateral (values (s.came, s.bytes), (s.went, -s.bytes)) as change(at, bytes)
      where change.at is not null group by 1, 2
    ), daily as (
      select places.place, n, sum(coalesce(d.bytes, 0)) over (partition by places.place order by n) as bytes
      from (select distinct place from placed) as places
      cross join generate_series(0, ${calendarDays}::integer) as n
      left join deltas as d on d.place = places.place and d.at = n
    ), shown as (
      select min(came) as first, case when min(came) >= ${calendarDays - dailyUpTo}::integer then 1 else 7 end as step from sized
    )
    select d.place, s.id as stack_id, coalesce(s.name, p.lost_name, '') as stack_name,
      array_agg(to_char(span.today - (${calendarDays}::integer - d.n), 'YYYY-MM-DD') order by d.n) as days,
      array_agg(d.bytes::bigint order by d.n) as bytes
    from daily as d
    cross join shown cross join span
    left join placed as p on p.place = d.place and p.place <= ${namedStacks}
    left join archiver.stacks as s on s.id = p.stack_id
    where d.n >= greatest(shown.first - 1, 1) and (${calendarDays}::integer - d.n) % shown.step = 0
    group by d.place, s.id, p.lost_name, s.name
    order by d.place`
  const series = rows.map(({ stack_id, stack_name, bytes }) => ({ stack_id, stack_name, bytes }))
  return { days: rows[0]?.days ?? [], stacks: series.slice(0, namedStacks), others: series[namedStacks] ?? null }
}

// Numbers for monitoring, counted at the moment they are asked for: any server gives the same.
import type { Sql } from '../connect.ts'
import { offlineAfterSeconds } from '../domain/host.ts'
import type { JobStatus, JobType } from '../domain/job.ts'

/** Of a stack on its host; `path` tells apart those of one name. */
export interface OfStack {
  host: string
  stack: string
  path: string
}

export interface Metrics {
  jobs: { type: JobType; status: JobStatus; count: number }[]
  /** Files that are there, with those in the trash. */
  backups: (OfStack & { count: number; bytes: number; newest_good: number | null; age: number | null })[]
  /** Of each stack's newest archive that stopped it or could have. */
  downtimes: (OfStack & { seconds: number })[]
  tasks: { host: string; state: string; count: number }[]
  /** Short work of the servers themselves. */
  queue: { waiting: number; given_up: number }
  agents: { host: string; seen: number | null; online: boolean; version: string }[]
  mails: { state: string; count: number }[]
}

export async function readMetrics(sql: Sql): Promise<Metrics> {
  const [jobs, backups, downtimes, tasks, [queue], agents, mails] = await Promise.all([
    sql<Metrics['jobs']>`
      select job_type as type, status, count(*) from archiver.jobs where not is_dry_run group by job_type, status order by 1, 2`,
    sql<Metrics['backups']>`
      select h.name as host, coalesce(s.name, b.stack_name) as stack, coalesce(s.path, '') as path,
        sum(b.count)::bigint as count, sum(b.bytes)::bigint as bytes,
        extract(epoch from max(b.newest_good))::double precision as newest_good,
        extract(epoch from now() - max(b.newest_good))::double precision as age
      from (
        -- names are looked up for the groups, not for each backup
        select host_id, stack_id, case when stack_id is null then stack_name else '' end as stack_name,
          count(*), sum(size_bytes) as bytes,
          max(created_at) filter (where state = 'good' and trashed_at is null) as newest_good
        from archiver.backups where state <> 'deleted' group by 1, 2, 3
      ) as b
      join archiver.hosts as h on h.id = b.host_id
      left join archiver.stacks as s on s.id = b.stack_id
      group by 1, 2, 3 order by 1, 2, 3`,
    sql<Metrics['downtimes']>`
      select h.name as host, s.name as stack, s.path, newest.downtime_seconds as seconds
      from archiver.stacks as s
      join archiver.hosts as h on h.id = s.host_id
      join lateral (
        select j.downtime_seconds from archiver.job_stacks as j
        where j.stack_id = s.id and j.downtime_seconds is not null order by j.id desc limit 1
      ) as newest on true
      order by 1, 2, 3`,
    sql<Metrics['tasks']>`
      select h.name as host, states.state, count(t.id)
      from archiver.hosts as h
      cross join (values ('queued'), ('running')) as states(state)
      left join archiver.tasks as t on t.host_id = h.id and t.state = states.state and t.state <> 'finished'
      group by 1, 2 order by 1, 2`,
    sql<[Metrics['queue']]>`
      select count(*) filter (where attempts < max_attempts) as waiting,
        count(*) filter (where attempts >= max_attempts) as given_up
      from graphile_worker.jobs`,
    sql<Metrics['agents']>`
      select name as host, extract(epoch from last_seen_at)::double precision as seen, agent_version as version,
        coalesce(last_seen_at > now() - make_interval(secs => ${offlineAfterSeconds}), false) as online
      from archiver.hosts order by name`,
    sql<Metrics['mails']>`
      select states.state, count(m.id)
      from (values ('queued'), ('sent'), ('failed')) as states(state)
      left join archiver.mails as m on m.state = states.state
      group by 1 order by 1`,
  ])
  return { jobs, backups, downtimes, tasks, queue, agents, mails }
}

// Cleanup jobs: what each host is told that may go, and what goes from the database itself.
import type { Query, Sql } from '../connect.ts'
import type { CleanupTask } from '../domain/cleanup.ts'
import { hostCleanupTasks } from '../domain/cleanup.ts'
import { Conflict } from '../domain/errors.ts'
import type { JobStatus, JobTrigger } from '../domain/job.ts'
import type { CleanUpPayload, Finding, KnownBackup } from '../domain/task.ts'
import { closeUnreachableCare, writeLogLine } from './care.ts'
import { readSettings } from './settings.ts'
import { nextTurn, takeTurn } from './timers.ts'

export interface CleanupRun {
  triggered_by: JobTrigger
  /** Says what would go, and leaves it. */
  dry_run: boolean
  tasks: readonly CleanupTask[]
  scheduled_for?: Date
}

/** What the page of the cleanup shows beside its settings. */
export interface CleanupState {
  /** Null while it is switched off. */
  next_run_at: Date | null
  last_job: { id: number; status: JobStatus; is_dry_run: boolean; created_at: string; end_time: string | null } | null
  /** The last five. */
  missed_runs: { scheduled_for: string; reason: string }[]
}

export async function cleanupState(sql: Query, now: Date, timeZone: string): Promise<CleanupState> {
  const { enabled, cron, time_zone } = await readSettings(sql, 'cleanup')
  const next_run_at = enabled ? await nextTurn(sql, 'cleanup', cron, time_zone || timeZone, now) : null
  const [state] = await sql<[Omit<CleanupState, 'next_run_at'>]>`
    select
      (select jsonb_build_object('id', j.id, 'status', j.status, 'is_dry_run', j.is_dry_run, 'created_at', j.created_at, 'end_time', j.end_time)
        from archiver.jobs as j where j.job_type = 'cleanup' and j.options ? 'tasks' order by j.id desc limit 1) as last_job,
      (select coalesce(jsonb_agg(jsonb_build_object('scheduled_for', m.scheduled_for, 'reason', m.reason) order by m.scheduled_for desc), '[]')
        from (select * from archiver.missed_runs where archive_id is null order by scheduled_for desc limit 5) as m) as missed_runs`
  return { next_run_at, ...state }
}

/** Resolves with the job's id; the worker does the rest (functions/tasks/run_cleanup). Throws Conflict while one runs. */
export async function startCleanup(sql: Sql, run: CleanupRun): Promise<number> {
  return sql.begin(async (sql) => {
    const unfinished = await unfinishedCleanup(sql)
    if (unfinished !== null) throw new Conflict(`Cleanup job ${unfinished} has not finished yet`)
    return makeCleanup(sql, run)
  })
}

/**
 * Starts the cleanup when its hour has come, whatever became of others: one that still runs makes this one be skipped,
 * and said. Waits while schedules are paused. Call it each minute.
 */
export async function startDueCleanup(sql: Sql, now: Date, timeZone: string): Promise<void> {
  const { enabled, cron, time_zone, dry_run, tasks } = await readSettings(sql, 'cleanup')
  if (!enabled || (await readSettings(sql, 'general')).maintenance_mode) return
  await sql.begin(async (sql) => {
    const due = await takeTurn(sql, 'cleanup', cron, time_zone || timeZone, now)
    if (!due) return
    const unfinished = await unfinishedCleanup(sql)
    if (unfinished === null)
      return void (await makeCleanup(sql, { triggered_by: 'schedule', dry_run, tasks, scheduled_for: due }))
    await sql`
      insert into archiver.missed_runs (archive_id, scheduled_for, reason)
      values (null, ${due}, ${`cleanup job ${unfinished} had not finished yet`})`
    // in case that one was never begun because all its tries failed
    await runSoon(sql, unfinished)
  })
}

/** Its id, or null. Until the end of the transaction nobody else begins one. */
async function unfinishedCleanup(sql: Query): Promise<number | null> {
  await sql`select pg_advisory_xact_lock(hashtext('archiver cleanup'))`
  const [job] = await sql<{ id: number }[]>`
    select id from archiver.jobs
    where job_type = 'cleanup' and options ? 'tasks' and status in ('queued', 'running') limit 1`
  return job?.id ?? null
}

async function makeCleanup(sql: Query, run: CleanupRun): Promise<number> {
  const [job] = await sql<[{ id: number }]>`
      select archiver.start_job('cleanup', null, '', ${run.triggered_by}, ${run.dry_run},
        ${JSON.stringify({ tasks: run.tasks })}::text::jsonb) as id`
  if (run.scheduled_for) await sql`update archiver.jobs set scheduled_for = ${run.scheduled_for} where id = ${job.id}`
  const what = run.tasks.map((task) => task.replaceAll('_', ' ')).join(', ')
  await writeLogLine(
    sql,
    job.id,
    'info',
    `Phase 0: ${run.dry_run ? 'dry run of the ' : ''}cleanup, triggered by ${run.triggered_by}: ${what}`,
  )
  await runSoon(sql, job.id)
  return job.id
}

/** Has the worker begin it; once, however often this is asked. */
async function runSoon(sql: Query, jobId: number): Promise<void> {
  await sql`
    select graphile_worker.add_job('run_cleanup', json_build_object('job_id', ${jobId}::bigint),
      job_key := 'run_cleanup:' || ${jobId}::bigint, max_attempts := 25)`
}

export interface OpenCleanup {
  is_dry_run: boolean
  tasks: CleanupTask[]
  is_cancelled: boolean
}

/** What is still to be begun of a cleanup; null once its hosts were asked, or it has ended. */
export async function openCleanup(sql: Query, jobId: number): Promise<OpenCleanup | null> {
  const [job] = await sql<OpenCleanup[]>`
    select is_dry_run, options -> 'tasks' as tasks, cancel_requested_at is not null as is_cancelled from archiver.jobs
    where id = ${jobId} and status in ('queued', 'running') and phase = 0`
  return job ?? null
}

/**
 * Writes down what was found in the database, gives each host its task, and leaves the job to finish_job.
 * Once: running it again changes nothing. A job that was cancelled meanwhile asks no host.
 */
export async function askHostsToCleanUp(
  sql: Sql,
  jobId: number,
  findings: Finding[],
  trashDays: number,
): Promise<void> {
  await sql.begin(async (sql) => {
    const [job] = await sql<{ tasks: CleanupTask[]; is_dry_run: boolean; cancelled: boolean }[]>`
      update archiver.jobs
      set phase = 3, status = 'running', start_time = coalesce(start_time, now()),
        results = results || ${JSON.stringify({ findings })}::text::jsonb
      where id = ${jobId} and status in ('queued', 'running') and phase = 0
      returning options -> 'tasks' as tasks, is_dry_run, cancel_requested_at is not null as cancelled`
    if (!job) return
    for (const { did, text } of findings)
      await writeLogLine(sql, jobId, 'info', `${did === 'reported' ? 'Found' : 'Removed'}: ${text}`)
    const tasks = hostCleanupTasks.filter((task) => job.tasks.includes(task))
    const hosts = job.cancelled || tasks.length === 0 ? [] : await hostsWithAgents(sql)
    for (const host of hosts) {
      const payload: CleanUpPayload = {
        tasks: [...tasks],
        dry_run: job.is_dry_run,
        trash_days: trashDays,
        ...(await knownOf(sql, host.id, trashDays)),
      }
      await sql`select archiver.add_task(${jobId}, null, ${host.id}, 'clean_up', ${JSON.stringify(payload)}::text::jsonb)`
    }
    await closeUnreachableCare(sql)
    await sql`select archiver.settle_job(${jobId})`
    await sql`select archiver.announce('jobs', ${jobId})`
  })
}

/** Links that have expired, and what was packed for them alone; resolves with how many links there were. */
export async function forgetExpiredDownloads(sql: Query, isDryRun: boolean): Promise<number> {
  if (isDryRun) {
    const [row] = await sql<[{ count: number }]>`select count(*) from archiver.downloads where expires_at < now()`
    return row.count
  }
  const { count } = await sql`delete from archiver.downloads where expires_at < now()`
  // the agents remove the files themselves
  await sql`
    delete from archiver.prepared_files as p
    where p.state <> 'preparing' and not exists (select from archiver.downloads as d where d.backup_id = p.backup_id)`
  await sql`select archiver.announce('downloads')`
  return count
}

/** What the control plane knows of a host's archives folder. */
async function knownOf(
  sql: Query,
  hostId: number,
  trashDays: number,
): Promise<Omit<CleanUpPayload, 'tasks' | 'dry_run' | 'trash_days'>> {
  const [known] = await sql<[{ paths: string[] }]>`
    select coalesce(array_agg(coalesce(b.trash_path, b.path)), '{}') as paths
    from archiver.backups as b where b.host_id = ${hostId} and b.state <> 'deleted'`
  const orphans = await sql<KnownBackup[]>`
    select b.id, b.path, b.format, b.size_bytes, b.sha256 from archiver.backups as b
    where b.host_id = ${hostId} and b.state <> 'deleted' and b.trashed_at is null and b.orphaned_at is not null and not b.pinned
    order by b.id`
  // one that somebody has asked to have back is not taken away meanwhile
  const expired = await sql<(KnownBackup & { trash_path: string })[]>`
    select b.id, b.path, b.format, b.size_bytes, b.sha256, b.trash_path from archiver.backups as b
    where b.host_id = ${hostId} and b.state <> 'deleted' and b.trashed_at < now() - make_interval(days => ${trashDays}) and not b.pinned
      and not exists (
        select from archiver.tasks as t
        where t.host_id = b.host_id and t.state <> 'finished' and t.kind = 'untrash_backups'
          and t.payload -> 'backups' @> jsonb_build_array(jsonb_build_object('id', b.id)))
    order by b.id`
  // from what was made and from what was tried: a run that failed leaves a folder behind, too
  const made = await sql<{ folder: string }[]>`
    select distinct regexp_replace(b.path, '/[^/]*$', '') as folder from archiver.backups as b where b.host_id = ${hostId}
    union
    select distinct (t.payload #>> '{archive,folder}') || '/' || (t.payload #>> '{stack,folder}')
    from archiver.tasks as t where t.host_id = ${hostId} and t.kind = 'archive_stack'`
  const used = await sql<{ folder: string }[]>`
    select distinct a.folder || '/' || s.folder as folder
    from archiver.stacks as s
    join archiver.archives as a on a.all_stacks_of_host = s.host_id
      or exists (select from archiver.archive_stacks as c where c.archive_id = a.id and c.stack_id = s.id)
    where s.host_id = ${hostId}`
  const prepared = await sql<{ id: number }[]>`
    select distinct d.backup_id as id from archiver.downloads as d
    join archiver.backups as b on b.id = d.backup_id
    where b.host_id = ${hostId} and d.expires_at > now()`
  return {
    known: known.paths,
    orphans,
    folders: made.map(({ folder }) => folder),
    used: used.map(({ folder }) => folder),
    expired_trash: expired,
    prepared: prepared.map(({ id }) => id),
  }
}

/** Checks, or puts right, the permissions of what was made on every host. Resolves with the job's id. */
export async function startPermissions(sql: Sql, triggeredBy: JobTrigger, fix: boolean): Promise<number> {
  return sql.begin(async (sql) => {
    const [job] = await sql<[{ id: number }]>`
      select archiver.start_job('cleanup', null, '', ${triggeredBy}, ${!fix}, ${JSON.stringify({ action: 'permissions' })}::text::jsonb) as id`
    const doing = fix ? 'putting right' : 'checking'
    await writeLogLine(sql, job.id, 'info', `Phase 0: ${doing} the permissions of what was made`)
    await sql`update archiver.jobs set phase = 3 where id = ${job.id}`
    for (const host of await hostsWithAgents(sql))
      await sql`select archiver.add_task(${job.id}, null, ${host.id}, 'fix_permissions', ${JSON.stringify({ fix })}::text::jsonb)`
    await closeUnreachableCare(sql)
    await sql`select archiver.settle_job(${job.id})`
    return job.id
  })
}

/** A host that no agent has ever logged in for has nothing to care for. */
async function hostsWithAgents(sql: Query): Promise<{ id: number }[]> {
  return sql<{ id: number }[]>`select id from archiver.hosts where last_seen_at is not null order by name`
}

// Cleanup jobs: what each host is told that may go, and what goes from the database itself.
import type { Query, Sql } from '../connect.ts'
import type { CleanupTask } from '../domain/cleanup.ts'
import { hostCleanupTasks } from '../domain/cleanup.ts'
import { Conflict } from '../domain/errors.ts'
import type { JobTrigger } from '../domain/job.ts'
import type { CleanUpPayload, Finding, KnownBackup } from '../domain/task.ts'
import { closeUnreachableCare, writeLogLine } from './care.ts'

export interface CleanupRun {
  triggered_by: JobTrigger
  /** Says what would go, and leaves it. */
  dry_run: boolean
  tasks: CleanupTask[]
  scheduled_for?: Date
}

/** Resolves with the job's id; the worker does the rest (functions/tasks/run_cleanup). Throws Conflict while one runs. */
export async function startCleanup(sql: Sql, run: CleanupRun): Promise<number> {
  return sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(hashtext('archiver cleanup'))`
    const [unfinished] = await sql<{ id: number }[]>`
      select id from archiver.jobs
      where job_type = 'cleanup' and options ? 'tasks' and status in ('queued', 'running') limit 1`
    if (unfinished) throw new Conflict(`Cleanup job ${unfinished.id} has not finished yet`)
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
    await sql`
      select graphile_worker.add_job('run_cleanup', json_build_object('job_id', ${job.id}::bigint),
        job_key := 'run_cleanup:' || ${job.id}::bigint, max_attempts := 25)`
    return job.id
  })
}

export interface OpenCleanup {
  is_dry_run: boolean
  tasks: CleanupTask[]
}

/** What is still to be begun of a cleanup; null once its hosts were asked, or it has ended. */
export async function openCleanup(sql: Query, jobId: number): Promise<OpenCleanup | null> {
  const [job] = await sql<OpenCleanup[]>`
    select is_dry_run, options -> 'tasks' as tasks from archiver.jobs
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
    where b.host_id = ${hostId} and b.state <> 'deleted' and b.trashed_at < now() - make_interval(days => ${trashDays})
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

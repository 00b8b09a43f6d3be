// How a job ends: what its tasks came to becomes its status, its totals and its last log lines, and the report is asked for.
import type { Query, Sql } from '../connect.ts'
import type { HostStatus } from '../domain/host.ts'
import { reasonOfJob, statusOfJob, type JobPart, type JobResults, type LogLevel } from '../domain/job.ts'
import type { CareOutcome, TaskKind } from '../domain/task.ts'
import { getJob, listJobStacks, type Job, type JobStack } from './jobs.ts'

export interface LogText {
  level: LogLevel
  text: string
}

/** A finished task that is not about archiving. */
export interface CareTask {
  kind: TaskKind
  job_stack_id: number | null
  host: string
  outcome: CareOutcome
}

export interface EndedJob {
  job: Job
  stacks: JobStack[]
  care: CareTask[]
  disks: { host: string; disk: HostStatus['disk'] }[]
}

/**
 * Once all tasks of a job are finished: lets `more` begin what has to happen before it ends, and closes it when there is
 * nothing more. Resolves with null when it is closed already or still has work. All of it is one transaction.
 */
export async function finishJob(
  sql: Sql,
  id: number,
  more: (sql: Query, job: Job) => Promise<boolean>,
  closingLines: (ended: EndedJob) => LogText[],
): Promise<Job | null> {
  return sql.begin(async (sql) => {
    const [open] = await sql`
      select from archiver.jobs as j
      where j.id = ${id} and j.status in ('queued', 'running') and not (j.job_type = 'cleanup' and j.phase = 0)
        and not exists (select from archiver.tasks as t where t.job_id = j.id and t.state <> 'finished')
      for update`
    if (!open) return null
    if (await more(sql, await getJob(sql, id))) {
      await sql`select archiver.announce('jobs', ${id})`
      return null
    }
    return closeJob(sql, id, closingLines)
  })
}

async function closeJob(sql: Query, id: number, closingLines: (ended: EndedJob) => LogText[]): Promise<Job> {
  const before = await getJob(sql, id)
  const care = await sql<CareTask[]>`
    select t.kind, t.job_stack_id, h.name as host,
      -- one that was closed without its agent tells of no backups
      jsonb_build_object('backups', '[]'::jsonb) || t.outcome as outcome
    from archiver.tasks as t join archiver.hosts as h on h.id = t.host_id
    where t.job_id = ${id} and t.kind <> 'archive_stack' order by t.id`
  await tellStacks(sql, before, care)
  const stacks = await listJobStacks(sql, id)
  const parts = partsOf(before, stacks, care)
  const nothingDone = parts.length === 0 && before.cancel_requested_at !== null
  await sql`
    update archiver.jobs set
      status = ${nothingDone ? 'cancelled' : statusOfJob(before.job_type, parts)},
      reason = ${nothingDone ? '' : reasonOfJob(before.job_type, parts)},
      phase = 3,
      results = ${JSON.stringify(resultsOf(before, stacks, care))}::text::jsonb,
      start_time = coalesce(start_time, created_at), end_time = clock_timestamp(),
      total_size_bytes = ${stacks.reduce((sum, stack) => sum + (stack.archive_size_bytes ?? 0), 0)}
    where id = ${id}`
  const job = await getJob(sql, id)
  const disks = await sql<EndedJob['disks']>`
    select h.name as host, h.status -> 'disk' as disk from archiver.hosts as h
    where h.id in (select t.host_id from archiver.tasks as t where t.job_id = ${id}) order by h.name`
  for (const { level, text } of closingLines({ job, stacks, care, disks })) {
    await sql`select archiver.write_log(${id}, null, ${level}, ${text})`
  }
  // whether anybody is told is decided there, by the settings
  await sql`
    select graphile_worker.add_job('send_report', json_build_object('job_id', ${id}::bigint),
      job_key := 'send_report:' || ${id}::bigint)`
  await sql`select archiver.announce('jobs', ${id})`
  return job
}

/** What was freed for each stack; in a job of retention alone, what became of the stack in it. */
async function tellStacks(sql: Query, job: Job, care: CareTask[]): Promise<void> {
  for (const { job_stack_id, outcome } of care) {
    if (job_stack_id === null) continue
    await sql`
      update archiver.job_stacks set reclaimed_bytes = reclaimed_bytes + ${bytesFreed(outcome)}, progress = null
      where id = ${job_stack_id}`
    if (job.job_type !== 'retention') continue
    await sql`
      update archiver.job_stacks set status = ${outcome.status}, reason = ${outcome.reason} where id = ${job_stack_id}`
  }
  if (job.job_type === 'retention') {
    await sql`
      update archiver.job_stacks
      set status = case when status in ('queued', 'running') then 'success' else status end, end_time = clock_timestamp()
      where job_id = ${job.id}`
  }
}

/** In a job that made backups, one that could not be removed is a warning: the backups are there. */
function partsOf(job: Job, stacks: JobStack[], care: CareTask[]): JobPart[] {
  const archived = stacks.map(({ stack_name, status, reason }) => ({ name: stack_name, status, reason }))
  const waiting = (job.results.retention ?? [])
    .filter(({ waits }) => waits !== '')
    .map(({ stack_name, waits }) => ({ name: stack_name, status: 'warning' as const, reason: waits }))
  const cared = care
    .filter(({ job_stack_id }) => job.job_type !== 'retention' || job_stack_id === null)
    .map(({ host, job_stack_id, outcome }) => ({
      name: stacks.find(({ id }) => id === job_stack_id)?.stack_name ?? host,
      status: job.job_type === 'archive' && outcome.status === 'failed' ? ('warning' as const) : outcome.status,
      reason: outcome.reason,
    }))
  return [...archived, ...waiting, ...cared]
}

function resultsOf(job: Job, stacks: JobStack[], care: CareTask[]): JobResults {
  const findings = [...(job.results.findings ?? []), ...care.flatMap(({ outcome }) => outcome.findings ?? [])]
  const retention = job.results.retention?.map((planned) => {
    if (job.is_dry_run) return planned
    const row = stacks.find(({ stack_id }) => stack_id === planned.stack_id)?.id
    const outcomes = care.filter(({ job_stack_id }) => job_stack_id === row).map(({ outcome }) => outcome)
    const removed = outcomes.flatMap(({ backups }) => backups).filter(({ did }) => did === 'deleted').length
    const bytes = outcomes.reduce((sum, outcome) => sum + bytesFreed(outcome), 0)
    return { ...planned, kept: planned.kept + planned.removed - removed, removed, bytes }
  })
  return { ...job.results, ...(retention && { retention }), ...(findings.length > 0 && { findings }) }
}

function bytesFreed({ backups }: CareOutcome): number {
  return backups.reduce((sum, { did, bytes }) => sum + (did === 'deleted' ? bytes : 0), 0)
}

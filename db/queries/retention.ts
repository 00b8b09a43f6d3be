// What retention looks at, and what it asks of agents.
import type { Query } from '../connect.ts'
import type { MeasuredBackup } from '../domain/retention.ts'
import type { KnownBackup } from '../domain/task.ts'

export type RetainedBackup = MeasuredBackup & KnownBackup

/** The backups of one stack that are there: neither deleted nor in the trash. */
export interface RetainedStack {
  stack_id: number
  stack_name: string
  host_id: number
  host: string
  backups: RetainedBackup[]
}

/** Of an archive, of some stacks, or of some stacks in an archive. Stacks without a backup are left out. */
export async function listRetainedStacks(
  sql: Query,
  of: { archive_id?: number | undefined; stack_ids?: number[] | undefined },
): Promise<RetainedStack[]> {
  const rows = await sql<(RetainedBackup & Omit<RetainedStack, 'backups'>)[]>`
    select b.id, b.created_at, b.state, b.pinned, b.format, b.size_bytes, b.file_count, b.acknowledged_at, b.path, b.sha256,
      b.stack_id, s.name as stack_name, h.id as host_id, h.name as host
    from archiver.backups as b
    join archiver.stacks as s on s.id = b.stack_id
    join archiver.hosts as h on h.id = b.host_id
    where b.state <> 'deleted' and b.trashed_at is null
      and (${of.archive_id ?? null}::integer is null or b.archive_id = ${of.archive_id ?? null})
      and (${of.stack_ids ?? null}::integer[] is null or b.stack_id = any(${of.stack_ids ?? null}::integer[]))
    order by h.name, s.name, s.id, b.created_at desc, b.id desc`
  const stacks = new Map<number, RetainedStack>()
  for (const { stack_id, stack_name, host_id, host, ...backup } of rows) {
    const stack = stacks.get(stack_id) ?? { stack_id, stack_name, host_id, host, backups: [] }
    stack.backups.push(backup)
    stacks.set(stack_id, stack)
  }
  return [...stacks.values()]
}

/** The second phase of a job has begun, and this is what it is about to do. */
export async function recordRetention(sql: Query, jobId: number, results: object): Promise<void> {
  await sql`
    update archiver.jobs
    set phase = 2, status = 'running', start_time = coalesce(start_time, now()),
      results = results || ${JSON.stringify(results)}::text::jsonb
    where id = ${jobId}`
}

/** This stack's row in the job; a job of retention alone has none until here. */
export async function jobStackFor(sql: Query, jobId: number, stack: RetainedStack): Promise<number> {
  const [found] = await sql<[{ id: number }?]>`
    select id from archiver.job_stacks where job_id = ${jobId} and stack_id = ${stack.stack_id} limit 1`
  if (found) return found.id
  const [made] = await sql<[{ id: number }]>`
    insert into archiver.job_stacks (job_id, stack_id, host_id, stack_name, status, start_time)
    values (${jobId}, ${stack.stack_id}, ${stack.host_id}, ${stack.stack_name}, 'running', now()) returning id`
  return made.id
}

export async function askToDelete(
  sql: Query,
  jobId: number,
  jobStackId: number,
  hostId: number,
  backups: KnownBackup[],
  reason: string,
): Promise<void> {
  const payload = {
    backups: backups.map(({ id, path, format, size_bytes, sha256 }) => ({ id, path, format, size_bytes, sha256 })),
    reason,
  }
  await sql`
    select archiver.add_task(${jobId}, ${jobStackId}, ${hostId}, 'delete_backups', ${JSON.stringify(payload)}::text::jsonb)`
}

export async function writeStackLine(
  sql: Query,
  jobId: number,
  jobStackId: number,
  level: 'info' | 'warn',
  text: string,
): Promise<void> {
  await sql`select archiver.write_log(${jobId}, ${jobStackId}, ${level}, ${text})`
}

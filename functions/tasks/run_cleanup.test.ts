import { cleanupTasks } from 'db/domain/cleanup'
import type { AgentTask, CareOutcome, CleanUpPayload, Finding } from 'db/domain/task'
import { closeUnreachableCare } from 'db/queries/care'
import { cleanupState, startCleanup, startDueCleanup, startPermissions } from 'db/queries/cleanup'
import { cancelJob, getJob } from 'db/queries/jobs'
import { listLogLines } from 'db/queries/logs'
import { changeSettings } from 'db/queries/settings'
import { startRollingVerify } from 'db/queries/verify'
import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { startTestAgent } from '../testing/agent.ts'
import { finish_job } from './finish_job.ts'
import { run_cleanup } from './run_cleanup.ts'

let database: TestDatabase
let agent: Awaited<ReturnType<typeof startTestAgent>>

beforeEach(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  agent = await startTestAgent(database, ['wiki', 'shop'])
})

afterEach(async () => {
  await agent.stop()
  await database.drop()
})

interface BackupRow {
  path: string
  state?: string
  trashed_at?: Date
  trash_path?: string
  orphaned_at?: Date
  pinned?: boolean
  verified_at?: Date
}

async function addBackup(row: BackupRow): Promise<number> {
  const [made] = await database.sql<[{ id: number }]>`
    insert into archiver.backups ${database.sql({
      host_id: agent.host.id,
      archive_name: 'nightly',
      stack_name: 'wiki',
      format: 'tar.zst',
      state: 'good',
      size_bytes: 1000,
      file_count: 1,
      sha256: '0'.repeat(64),
      created_at: new Date(),
      verified_at: new Date(),
      ...row,
    })} returning id`
  return made.id
}

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000)
const all = { triggered_by: 'manual', dry_run: false, tasks: [...cleanupTasks] } as const
const fine: CareOutcome = { status: 'success', reason: '', backups: [] }

async function begin(run: Parameters<typeof startCleanup>[1] = all): Promise<number> {
  const id = await startCleanup(database.sql, run)
  await run_cleanup(database.sql, { job_id: id })
  return id
}

async function claim(kind: AgentTask['kind'] = 'clean_up'): Promise<AgentTask> {
  const task = await agent.claim()
  if (task?.kind !== kind) throw new Error(`There is ${task?.kind ?? 'no task'} instead of ${kind}`)
  return task
}

const logOf = async (id: number) =>
  (await listLogLines(database.sql, id, { after: 0, limit: 100 }))
    .map(({ level, text }) => `${level} ${text}`)
    .join('\n')

test('an agent is told what is to stay, and only what is ours to let go', async () => {
  const { sql } = database
  await addBackup({ path: 'nightly/wiki/good.tar.zst' })
  await addBackup({ path: 'nightly/wiki/corrupt.tar.zst', state: 'corrupt' })
  await addBackup({ path: 'former/wiki/gone.tar.zst', state: 'deleted' })
  const orphan = await addBackup({ path: 'former/wiki/orphan.tar.zst', orphaned_at: new Date() })
  await addBackup({ path: 'former/wiki/pinned.tar.zst', orphaned_at: new Date(), pinned: true })
  const old = { path: 'nightly/wiki/old.tar.zst', trashed_at: daysAgo(8), trash_path: '.trash/5_old.tar.zst' }
  const expired = await addBackup(old)
  await addBackup({ ...old, path: 'nightly/wiki/loved.tar.zst', trash_path: '.trash/8_loved.tar.zst', pinned: true })
  await addBackup({ path: 'nightly/wiki/new.tar.zst', trashed_at: daysAgo(6), trash_path: '.trash/6_new.tar.zst' })
  const wanted = await addBackup({ ...old, path: 'nightly/wiki/wanted.tar.zst', trash_path: '.trash/7_wanted.tar.zst' })
  await sql`select archiver.add_task(archiver.start_job('cleanup', null, '', 'manual', false, '{}'), null, ${agent.host.id},
    'untrash_backups', ${JSON.stringify({ backups: [{ id: wanted }] })}::text::jsonb)`
  await agent.finish(await claim('untrash_backups'), { ...fine, backups: [] })
  await sql`update archiver.tasks set state = 'queued' where kind = 'untrash_backups'`
  const offered = await addBackup({ path: 'nightly/wiki/offered', state: 'good' })
  for (const [backup, days] of [
    [offered, -1],
    [orphan, 1],
  ] as const)
    await sql`insert into archiver.downloads (backup_id, expires_at) values (${backup}, ${daysAgo(days)})`

  const id = await begin()
  await sql`update archiver.tasks set state = 'finished' where kind = 'untrash_backups'`
  const payload = (await claim()).payload as CleanUpPayload
  expect(payload).toMatchObject({ dry_run: false, trash_days: 7, prepared: [offered] })
  expect(payload.tasks).not.toContain('old_logs')
  expect(payload.known.toSorted()).toEqual([
    '.trash/5_old.tar.zst',
    '.trash/6_new.tar.zst',
    '.trash/7_wanted.tar.zst',
    '.trash/8_loved.tar.zst',
    'former/wiki/orphan.tar.zst',
    'former/wiki/pinned.tar.zst',
    'nightly/wiki/corrupt.tar.zst',
    'nightly/wiki/good.tar.zst',
    'nightly/wiki/offered',
  ])
  expect(payload.orphans.map(({ id }) => id)).toEqual([orphan])
  expect(payload.expired_trash).toMatchObject([{ id: expired, trash_path: '.trash/5_old.tar.zst' }])
  expect(payload.folders.toSorted()).toEqual(['former/wiki', 'nightly/wiki'])
  expect(payload.used).toEqual([])
  expect(await logOf(id)).toContain('info Removed: 1 link that had expired')
  expect(await sql`select backup_id from archiver.downloads`).toEqual([{ backup_id: offered }])
})

test('what agents found is in the results, and what they deleted is gone but for its row', async () => {
  const expired = await addBackup({ path: 'a/b/1', trashed_at: daysAgo(8), trash_path: '.trash/1_1' })
  const restored = await addBackup({ path: 'a/b/2' })
  const id = await begin()
  const findings: Finding[] = [
    { task: 'expired_trash', path: '.trash/1_1', did: 'removed', bytes: 7, text: 'a/b/1 is deleted' },
  ]
  const deleted = (id: number) => ({ id, did: 'deleted' as const, reason: 'in the trash for 7 days', bytes: 7 })
  await agent.finish(await claim(), { ...fine, findings, backups: [deleted(expired), deleted(restored)] })
  await finish_job(database.sql, { job_id: id })
  expect(await getJob(database.sql, id)).toMatchObject({
    status: 'success',
    phase: 3,
    reclaimed_bytes: 7,
    results: { findings },
  })
  expect(await database.sql`select id, state from archiver.backups order by id`).toEqual([
    { id: expired, state: 'deleted' },
    { id: restored, state: 'good' },
  ])
  expect((await logOf(id)).split('\n').at(-1)).toMatch(/Phase 3: the job has ended: success/)
})

test('a dry run leaves what it finds', async () => {
  const backup = await addBackup({ path: 'a/b/1' })
  await database.sql`insert into archiver.downloads (backup_id, expires_at) values (${backup}, ${daysAgo(1)})`
  const id = await begin({ ...all, dry_run: true, tasks: ['expired_downloads'] })
  const task = await claim()
  expect(task.payload).toMatchObject({ dry_run: true, tasks: ['expired_downloads'] })
  await agent.finish(task, fine)
  await finish_job(database.sql, { job_id: id })
  expect(await getJob(database.sql, id)).toMatchObject({
    is_dry_run: true,
    status: 'success',
    results: { findings: [{ task: 'expired_downloads', did: 'reported', text: '1 link that had expired' }] },
  })
  expect(await database.sql`select id from archiver.downloads`).toHaveLength(1)
})

test('what needs no host asks none, and ends; runs missed over a year ago are forgotten with the old logs', async () => {
  const missed = [daysAgo(400), daysAgo(300)]
  for (const at of missed)
    await database.sql`insert into archiver.missed_runs (scheduled_for, reason) values (${at}, 'paused')`
  const id = await begin({ ...all, tasks: ['old_logs'] })
  expect(await agent.claim()).toBe(null)
  await finish_job(database.sql, { job_id: id })
  expect(await getJob(database.sql, id)).toMatchObject({ status: 'success' })
  expect(await database.sql`select scheduled_for from archiver.missed_runs`).toEqual([{ scheduled_for: missed[1] }])
})

test('there is one cleanup at a time, and one that was cancelled before it began asks no host', async () => {
  const id = await startCleanup(database.sql, all)
  await expect(startCleanup(database.sql, all)).rejects.toThrow(`Cleanup job ${id} has not finished yet`)
  await cancelJob(database.sql, id)
  await run_cleanup(database.sql, { job_id: id })
  await run_cleanup(database.sql, { job_id: id })
  expect(await agent.claim()).toBe(null)
  await finish_job(database.sql, { job_id: id })
  expect(await getJob(database.sql, id)).toMatchObject({ status: 'cancelled' })
  await begin()
})

test('a host that is away is left out with a warning, before and while it runs', async () => {
  const away = () => database.sql`update archiver.hosts set last_seen_at = now() - interval '6 minutes'`
  await away()
  const first = await begin()
  await finish_job(database.sql, { job_id: first })
  expect(await getJob(database.sql, first)).toMatchObject({
    status: 'warning',
    reason: expect.stringMatching(/has not been seen since .*; the next run does what was left out$/),
  })
  expect(await logOf(first)).toMatch(/^warn Host \S+ was left out/m)

  await database.sql`update archiver.hosts set last_seen_at = now()`
  const expired = await addBackup({ path: 'a/b/1', trashed_at: daysAgo(8), trash_path: '.trash/1_1' })
  const second = await begin()
  const task = await claim()
  await closeUnreachableCare(database.sql)
  expect(await getJob(database.sql, second)).toMatchObject({ status: 'running' })
  await away()
  await closeUnreachableCare(database.sql)
  await finish_job(database.sql, { job_id: second })
  expect(await getJob(database.sql, second)).toMatchObject({ status: 'warning' })
  // it comes back and tells what it did meanwhile
  await agent.finish(task, { ...fine, backups: [{ id: expired, did: 'deleted', reason: '', bytes: 7 }] })
  expect(await database.sql`select state from archiver.backups where id = ${expired}`).toEqual([{ state: 'deleted' }])
})

test('the cleanup runs when its time has come, once, in its own time zone', async () => {
  const { sql } = database
  const jobs = () => sql`select triggered_by, is_dry_run, scheduled_for from archiver.jobs order by id`
  await startDueCleanup(sql, new Date('2026-11-23T00:00:00Z'), 'Europe/Berlin')
  expect(await cleanupState(sql, new Date('2026-11-23T00:00:00Z'), 'Europe/Berlin')).toMatchObject({
    next_run_at: new Date('2026-11-23T01:30:00Z'),
    last_job: null,
  })
  await startDueCleanup(sql, new Date('2026-11-23T01:29:59Z'), 'Europe/Berlin')
  expect(await jobs()).toEqual([])
  await Promise.all([1, 2, 3].map(() => startDueCleanup(sql, new Date('2026-11-23T01:30:02Z'), 'Europe/Berlin')))
  const first = { triggered_by: 'schedule', is_dry_run: false, scheduled_for: new Date('2026-11-23T01:30:00Z') }
  expect(await jobs()).toEqual([first])

  // one that still runs keeps the next from beginning, and that is said; if it never began, it is begun
  await sql`delete from graphile_worker._private_jobs`
  await startDueCleanup(sql, new Date('2026-11-24T01:30:02Z'), 'Europe/Berlin')
  expect(await jobs()).toEqual([first])
  expect(await cleanupState(sql, new Date('2026-11-23T00:00:00Z'), 'Europe/Berlin')).toMatchObject({
    next_run_at: new Date('2026-11-25T01:30:00Z'),
    last_job: { status: 'queued' },
    missed_runs: [{ reason: expect.stringMatching(/had not finished yet/) }],
  })
  expect(await sql`select task_identifier from graphile_worker.jobs`).toEqual([{ task_identifier: 'run_cleanup' }])
  await sql`update archiver.jobs set status = 'success'`

  // paused, it waits; then it runs once for all that passed
  await changeSettings(sql, 'general', { maintenance_mode: true })
  await startDueCleanup(sql, new Date('2026-11-25T01:31:00Z'), 'Europe/Berlin')
  expect(await jobs()).toHaveLength(1)
  await changeSettings(sql, 'general', { maintenance_mode: false })
  await changeSettings(sql, 'cleanup', { dry_run: true })
  await startDueCleanup(sql, new Date('2026-11-27T12:00:00Z'), 'Europe/Berlin')
  expect(await jobs()).toMatchObject([first, { is_dry_run: true }])

  // another time is taken up at once, and does not count as due
  await sql`update archiver.jobs set status = 'success'`
  await changeSettings(sql, 'cleanup', { cron: '0 11 * * *', time_zone: 'UTC' })
  await startDueCleanup(sql, new Date('2026-11-27T12:01:00Z'), 'Europe/Berlin')
  expect(await jobs()).toHaveLength(2)
  expect((await cleanupState(sql, new Date('2026-11-23T00:00:00Z'), 'Europe/Berlin')).next_run_at).toEqual(
    new Date('2026-11-28T11:00:00Z'),
  )

  await changeSettings(sql, 'cleanup', { enabled: false })
  await startDueCleanup(sql, new Date('2026-11-29T12:01:00Z'), 'Europe/Berlin')
  expect(await jobs()).toHaveLength(2)
  expect(await cleanupState(sql, new Date('2026-11-23T00:00:00Z'), 'Europe/Berlin')).toMatchObject({
    next_run_at: null,
  })
})

test('each day the backups that were not read for longest are read back', async () => {
  const { sql } = database
  const now = new Date()
  const tomorrow = (days: number) => new Date(now.getTime() + days * 86_400_000)
  const ids: number[] = []
  for (let age = 20; age > 10; age--) ids.push(await addBackup({ path: `a/b/${age}`, verified_at: daysAgo(age) }))
  await addBackup({ path: 'a/b/gone', verified_at: daysAgo(90), state: 'deleted' })
  await addBackup({ path: 'a/b/trash', verified_at: daysAgo(90), trashed_at: now, trash_path: '.trash/1' })
  const overdue = await addBackup({ path: 'a/b/overdue', verified_at: daysAgo(29) })
  expect(await startRollingVerify(sql, now, 'UTC')).toBe(null)
  const job = await startRollingVerify(sql, tomorrow(1), 'UTC')
  expect(await startRollingVerify(sql, tomorrow(1), 'UTC')).toBe(null)
  const task = await claim('verify_backups')
  expect(task.payload).toMatchObject({ backups: [{ id: overdue, path: 'a/b/overdue', size_bytes: 1000 }] })
  // a day's reading that is not done yet is not added to
  expect(await startRollingVerify(sql, tomorrow(2), 'UTC')).toBe(null)
  await agent.finish(task, { ...fine, backups: [{ id: overdue, did: 'verified', reason: '', bytes: 0 }] })
  await finish_job(sql, { job_id: job })
  expect(await getJob(sql, job ?? 0)).toMatchObject({ status: 'success', job_type: 'verify', triggered_by: 'schedule' })

  const next = await startRollingVerify(sql, tomorrow(3), 'UTC')
  const corrupt = await claim('verify_backups')
  expect(corrupt.payload).toMatchObject({ backups: [{ id: ids[0] }] })
  await agent.finish(corrupt, {
    status: 'failed',
    reason: 'a frame is damaged',
    backups: [{ id: ids[0] ?? 0, did: 'corrupt', reason: 'a frame is damaged', bytes: 0 }],
  })
  await finish_job(sql, { job_id: next })
  expect(await getJob(sql, next ?? 0)).toMatchObject({
    status: 'failed',
    reason: expect.stringContaining('a frame is damaged'),
  })
  expect(await sql`select from graphile_worker.jobs where key = ${`send_report:${next}`}`).toHaveLength(1)

  await sql`update archiver.hosts set last_seen_at = now() - interval '1 hour'`
  expect(await startRollingVerify(sql, tomorrow(4), 'UTC')).toBe(null)
})

test('permissions are checked, or put right, on every host', async () => {
  const id = await startPermissions(database.sql, 'manual', false)
  const task = await claim('fix_permissions')
  expect(task.payload).toEqual({ fix: false })
  const findings: Finding[] = [
    { task: 'permissions', path: 'a/b/1', did: 'reported', bytes: 0, text: 'a/b/1 has mode 0600' },
  ]
  await agent.finish(task, { ...fine, findings })
  await finish_job(database.sql, { job_id: id })
  expect(await getJob(database.sql, id)).toMatchObject({ status: 'success', is_dry_run: true, results: { findings } })
  await startPermissions(database.sql, 'manual', true)
  expect((await claim('fix_permissions')).payload).toEqual({ fix: true })
})

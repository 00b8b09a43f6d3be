import type { CareOutcome } from 'db/domain/task'
import { createArchive, getArchive, updateArchive, type ArchiveSettings } from 'db/queries/archives'
import { startCleanup } from 'db/queries/cleanup'
import { getJob, listJobs, listJobStacks, submitJob } from 'db/queries/jobs'
import { listLogLines } from 'db/queries/logs'
import { queueMail } from 'db/queries/mails'
import { changeSettings } from 'db/queries/settings'
import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { good, startTestAgent } from '../testing/agent.ts'
import { finish_job } from './finish_job.ts'
import { tick } from './tick.ts'

let database: TestDatabase
let agent: Awaited<ReturnType<typeof startTestAgent>>
let stack = 0
let made = 0

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  agent = await startTestAgent(database, ['wiki'])
  stack = (await database.sql<[{ id: number }]>`select id from archiver.stacks`)[0].id
})

afterEach(async () => {
  await database.sql`delete from archiver.jobs`
  await database.sql`delete from archiver.archives`
  await database.sql`update archiver.hosts set last_seen_at = now()`
  await changeSettings(database.sql, 'general', { maintenance_mode: false })
})

afterAll(async () => {
  await agent.stop()
  await database.drop()
})

const basics = {
  mode: 'stop',
  format: 'tar.zst',
  level: 3,
  include_volumes: true,
  max_downtime: 900,
  time_zone: 'UTC',
  schedule_enabled: true,
  schedule_cron: '0 3 * * *',
} as const

async function makeArchive(settings: Partial<ArchiveSettings> = {}): Promise<number> {
  const name = `archive ${++made}`
  return (await createArchive(database.sql, { ...basics, name, stack_ids: [stack], ...settings })).id
}

/** Its next run was due so many seconds ago, to the minute; resolves with that time. */
async function dueAgo(archive: number, seconds: number): Promise<Date> {
  const due = new Date(Math.floor((Date.now() - seconds * 1000) / 60_000) * 60_000)
  const cron = `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`
  await database.sql`update archiver.archives set schedule_cron = ${cron}, next_run_at = ${due} where id = ${archive}`
  return due
}

const jobsOf = (archive_id: number) => listJobs(database.sql, { archive_id, limit: 10 })
const logOf = async (id: number) =>
  (await listLogLines(database.sql, id, { after: 0, limit: 100 })).map(({ level, text }) => `${level} ${text}`)

describe('work that was lost with a server or its connection', () => {
  const queued = (identifier: string) => database.sql<{ locked_by: string | null }[]>`
    select locked_by from graphile_worker.jobs where task_identifier = ${identifier} order by id`
  const lockedSince = (identifier: string, ago: string) => database.sql`
    update graphile_worker._private_jobs set locked_by = 'a server that is gone', locked_at = now() - ${ago}::interval
    where id in (select id from graphile_worker.jobs where task_identifier = ${identifier})`
  beforeEach(() => database.sql`delete from graphile_worker._private_jobs`)

  test('a job whose last task has ended half a minute ago is finished by somebody else', async () => {
    const id = await submitJob(database.sql, await makeArchive(), 'manual')
    await agent.finish((await agent.claim())!, good)
    await lockedSince('finish_job', '20 seconds')
    await tick(database.sql)
    expect(await queued('finish_job')).toEqual([{ locked_by: 'a server that is gone' }])

    await database.sql`update archiver.jobs set created_at = created_at - interval '40 seconds'`
    await database.sql`update archiver.tasks set finished_at = finished_at - interval '40 seconds'`
    await tick(database.sql)
    expect(await queued('finish_job')).toContainEqual({ locked_by: null })
    await finish_job(database.sql, { job_id: id })
    expect(await getJob(database.sql, id)).toMatchObject({ status: 'success' })
  })

  test('a cleanup that nobody goes on with is begun by somebody else after a quarter of an hour', async () => {
    await startCleanup(database.sql, { triggered_by: 'manual', dry_run: false, tasks: ['old_logs'] })
    await lockedSince('run_cleanup', '14 minutes')
    await tick(database.sql)
    expect(await queued('run_cleanup')).toEqual([{ locked_by: 'a server that is gone' }])
    await lockedSince('run_cleanup', '16 minutes')
    await tick(database.sql)
    expect(await queued('run_cleanup')).toEqual([{ locked_by: null }])
  })

  test('a mail that is in no queue is put into it again', async () => {
    await queueMail(database.sql, { kind: 'test', asked_by: 'this test', recipients: ['root@example.org'] })
    await tick(database.sql)
    expect(await queued('send_mail')).toHaveLength(1)
    await database.sql`delete from graphile_worker._private_jobs`
    await tick(database.sql)
    expect(await queued('send_mail')).toHaveLength(1)
  })
})

describe('schedules', () => {
  test('what is due is started once, and the next time is set', async () => {
    const archive = await makeArchive()
    const due = await dueAgo(archive, 90)
    await Promise.all([tick(database.sql), tick(database.sql)])
    await tick(database.sql)
    const jobs = await jobsOf(archive)
    expect(jobs).toMatchObject([{ triggered_by: 'schedule', scheduled_for: due, status: 'queued', is_dry_run: false }])
    const { next_run_at, missed_runs } = await getArchive(database.sql, archive)
    expect(next_run_at).toEqual(new Date(due.getTime() + 24 * 3_600_000))
    expect(missed_runs).toEqual([])
  })

  test('a run that is late runs within the window of its archive, and is missed beyond it', async () => {
    const [late, tooLate, strict] = [
      await makeArchive(),
      await makeArchive({ catch_up_window: 3600 }),
      await makeArchive({ catch_up_window: 0 }),
    ]
    for (const archive of [late, tooLate]) await dueAgo(archive, 7200)
    await dueAgo(strict, 300)
    await tick(database.sql)
    expect(await jobsOf(late)).toHaveLength(1)
    expect(await jobsOf(tooLate)).toHaveLength(0)
    expect(await jobsOf(strict)).toHaveLength(0)
    expect((await getArchive(database.sql, tooLate)).missed_runs).toEqual([
      { scheduled_for: expect.any(String), reason: 'it could not start within 60 min of its time' },
    ])
    expect((await getArchive(database.sql, strict)).missed_runs).toHaveLength(1)
    await tick(database.sql)
    expect((await getArchive(database.sql, tooLate)).missed_runs, 'recorded once').toHaveLength(1)
  })

  test('scheduled runs over a running job are skipped, and said in both places', async () => {
    const archive = await makeArchive()
    const running = await submitJob(database.sql, archive, 'manual')
    await dueAgo(archive, 30)
    await tick(database.sql)
    expect(await jobsOf(archive)).toHaveLength(1)
    expect((await getArchive(database.sql, archive)).missed_runs).toMatchObject([
      { reason: `skipped: job ${running} was still running` },
    ])
    expect((await logOf(running)).at(-1)).toMatch(/^warn The run due at .* is skipped: this job is still running$/)
  })

  test('a dry run puts a scheduled run off by a minute, no more', async () => {
    const archive = await makeArchive()
    const dry_run = { stop_containers: true, create_archive: true, run_retention: true }
    const dry = await submitJob(database.sql, archive, 'manual', { dry_run })
    await dueAgo(archive, 30)
    await tick(database.sql)
    expect(await jobsOf(archive)).toHaveLength(1)
    await database.sql`select archiver.cancel_job(${dry})`
    await finish_job(database.sql, { job_id: dry })
    await tick(database.sql)
    expect(await jobsOf(archive)).toMatchObject([{ triggered_by: 'schedule' }, { id: dry }])
  })

  test('maintenance mode lets schedules pass, recorded once, and what a person starts runs', async () => {
    const archive = await makeArchive()
    await changeSettings(database.sql, 'general', { maintenance_mode: true })
    await dueAgo(archive, 30)
    await tick(database.sql)
    await tick(database.sql)
    expect(await jobsOf(archive)).toHaveLength(0)
    expect((await getArchive(database.sql, archive)).missed_runs).toMatchObject([{ reason: 'maintenance mode was on' }])
    await submitJob(database.sql, archive, 'manual')
    expect(await jobsOf(archive)).toHaveLength(1)
  })

  test('the next run follows what is changed, and only that', async () => {
    const archive = await makeArchive()
    const soon = await dueAgo(archive, 30)
    await updateArchive(database.sql, archive, { level: 9, time_zone: 'UTC' })
    expect((await getArchive(database.sql, archive)).next_run_at, 'a run that is due stays due').toEqual(soon)
    const changed = await updateArchive(database.sql, archive, { schedule_cron: '0 0 1 1 *' })
    expect(changed.next_run_at?.toISOString()).toMatch(/-01-01T00:00:00.000Z$/)
    const moved = await updateArchive(database.sql, archive, { time_zone: 'Europe/Berlin' })
    expect(moved.next_run_at?.toISOString()).toMatch(/-12-31T23:00:00.000Z$/)
    expect((await updateArchive(database.sql, archive, { schedule_enabled: false })).next_run_at).toBeNull()
    expect((await updateArchive(database.sql, archive, { schedule_enabled: true })).next_run_at).toEqual(
      moved.next_run_at,
    )
  })

  test('one archive that cannot be looked at keeps no other from running', async () => {
    const [broken, fine] = [await makeArchive(), await makeArchive()]
    for (const archive of [broken, fine]) await dueAgo(archive, 60)
    await database.sql`update archiver.archives set schedule_cron = 'nonsense' where id = ${broken}`
    await expect(tick(database.sql)).rejects.toThrow(/five fields/)
    expect(await jobsOf(fine)).toHaveLength(1)
  })

  test('a schedule that somebody switched on by SQL gets its next run', async () => {
    const archive = await makeArchive({ schedule_enabled: false })
    await database.sql`update archiver.archives set schedule_enabled = true where id = ${archive}`
    await tick(database.sql)
    expect((await getArchive(database.sql, archive)).next_run_at).toEqual(expect.any(Date))
  })
})

describe('nothing stops at breakfast', () => {
  const overdue = async () => {
    const archive = await makeArchive({ catch_up_window: 3600 })
    const job = await submitJob(database.sql, archive, 'schedule', { scheduled_for: new Date(Date.now() - 7_200_000) })
    await database.sql`update archiver.hosts set last_seen_at = now() - interval '2 hours'`
    return job
  }

  test('what a schedule asked of a silent agent is closed once it is too late', async () => {
    const job = await overdue()
    await tick(database.sql)
    await finish_job(database.sql, { job_id: job })
    expect(await getJob(database.sql, job)).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(
        /wiki: the agent of host .* had been out of contact since .*, and it is too late to catch up/,
      ),
    })
  })

  test('also when agent and server return in the same minute', async () => {
    const job = await overdue()
    expect(await agent.claim()).toBeNull()
    expect(await listJobStacks(database.sql, job)).toMatchObject([{ status: 'failed' }])
  })

  test('an agent that was away for a minute goes on with its queue, however late it is', async () => {
    const job = await overdue()
    await database.sql`update archiver.hosts set last_seen_at = now() - interval '70 seconds'`
    await tick(database.sql)
    expect(await agent.claim()).toMatchObject({ job_id: job, kind: 'archive_stack' })
  })

  test('what a person started waits for its agent', async () => {
    const archive = await makeArchive({ catch_up_window: 0 })
    const job = await submitJob(database.sql, archive, 'manual')
    await database.sql`update archiver.hosts set last_seen_at = now() - interval '2 hours'`
    await tick(database.sql)
    expect(await agent.claim()).toMatchObject({ job_id: job })
  })
})

test('a job whose tasks went away with their host ends', async () => {
  const job = await submitJob(database.sql, await makeArchive(), 'manual')
  await database.sql`delete from archiver.tasks where job_id = ${job}`
  await database.sql`update archiver.jobs set created_at = now() - interval '5 minutes' where id = ${job}`
  await tick(database.sql)
  const [asked] = await database.sql`select from graphile_worker.jobs where key = ${`finish_job:${job}`}`
  expect(asked).toBeDefined()
  await database.sql`update archiver.job_stacks set status = 'failed' where job_id = ${job}`
  await finish_job(database.sql, { job_id: job })
  expect((await getJob(database.sql, job)).status).toBe('failed')
})

describe('retention as the second phase of a job', () => {
  const old = async (
    archive: number,
    days: number,
    more: { state?: string; size_bytes?: number; pinned?: boolean } = {},
  ) => {
    const [row] = await database.sql<[{ id: number }]>`
      insert into archiver.backups (host_id, stack_id, archive_id, archive_name, stack_name, path, format, state, size_bytes,
        file_count, sha256, created_at, verified_at, pinned)
      values (${agent.host.id}, ${stack}, ${archive}, 'x', 'wiki', ${`x/wiki/${archive}-${days}.tar.zst`}, 'tar.zst',
        ${more.state ?? 'good'}, ${more.size_bytes ?? 3_000_000}, 12, 'x', now() - make_interval(days => ${days}), now(), ${more.pinned ?? false})
      returning id`
    return row.id
  }
  const keepOneDay = {
    schedule_enabled: false,
    retention_keep_days: 1,
    retention_keep_weeks: 0,
    retention_keep_months: 0,
    retention_keep_years: 0,
    retention_one_per_day: true,
  }
  const archived = (job: number) => ({
    ...good,
    backup: good.backup && { ...good.backup, path: `x/wiki/${job}.tar.zst`, created_at: new Date().toISOString() },
  })
  const deleted = (ids: number[]): CareOutcome => ({
    status: 'success',
    reason: '',
    backups: ids.map((id) => ({ id, did: 'deleted', reason: '', bytes: 3_000_000 })),
  })
  const claimed = async (job: number) => {
    const task = await agent.claim()
    expect(task).toMatchObject({ job_id: job })
    return task as NonNullable<typeof task>
  }

  test('follows an archive: decides, gives reasons, deletes at most half, and adds up what it freed', async () => {
    const archive = await makeArchive(keepOneDay)
    const pinned = await old(archive, 9, { pinned: true })
    const ids = [await old(archive, 5), await old(archive, 4), await old(archive, 3)]
    const job = await submitJob(database.sql, archive, 'manual')
    await agent.finish(await claimed(job), archived(job))
    await finish_job(database.sql, { job_id: job })
    expect(await getJob(database.sql, job)).toMatchObject({ status: 'running', phase: 2 })

    const task = await claimed(job)
    // five good ones: two go now, the third with the next job
    expect(task).toMatchObject({
      kind: 'delete_backups',
      payload: {
        backups: [{ id: ids[0], format: 'tar.zst' }, { id: ids[1] }],
        reason: expect.stringContaining('no rule keeps it'),
      },
    })
    await agent.finish(task, deleted(ids.slice(0, 2)))
    await finish_job(database.sql, { job_id: job })
    expect(await getJob(database.sql, job)).toMatchObject({
      status: 'success',
      phase: 3,
      reclaimed_bytes: 6_000_000,
      results: {
        retention: [{ stack_id: stack, stack_name: 'wiki', kept: 3, removed: 2, waits: '', bytes: 6_000_000 }],
      },
    })
    expect(await listJobStacks(database.sql, job)).toMatchObject([{ status: 'success', reclaimed_bytes: 6_000_000 }])
    const log = (await logOf(job)).join('\n')
    expect(log).toContain('retention keeps 1 day (one a day)')
    expect(log).toMatch(/keep \d+\.tar\.zst: newest good backup, day 1 of 1/)
    expect(log).toMatch(/remove \d+-5\.tar\.zst: no rule keeps it/)
    expect(log).toMatch(/keep \d+-9\.tar\.zst: pinned/)
    expect(log).toContain('1 backup more will go with the next job')
    expect(log).toMatch(/Phase 3: 1 of 1 stack archived, .* 5\.72 MiB freed/)
    const left =
      await database.sql`select id from archiver.backups where archive_id = ${archive} and state <> 'deleted' order by id`
    expect(left).toMatchObject([{ id: pinned }, { id: ids[2] }, {}])
    expect(await database.sql`select from graphile_worker.jobs where key = ${`send_report:${job}`}`).toHaveLength(1)
  })

  test('a stack whose archive failed keeps its backups', async () => {
    const archive = await makeArchive(keepOneDay)
    for (const days of [5, 4, 3]) await old(archive, days)
    const job = await submitJob(database.sql, archive, 'manual')
    await agent.finish(await claimed(job), { ...good, status: 'failed', reason: 'the disk is full', backup: null })
    await finish_job(database.sql, { job_id: job })
    expect(await getJob(database.sql, job)).toMatchObject({ status: 'failed', results: {} })
    expect(await agent.claim()).toBeNull()
  })

  test('waits when the newest backup has collapsed, as a warning, until it is acknowledged', async () => {
    const archive = await makeArchive(keepOneDay)
    for (const days of [5, 4, 3]) await old(archive, days, { size_bytes: 900_000_000 })
    const job = await submitJob(database.sql, archive, 'manual')
    await agent.finish(await claimed(job), archived(job))
    await finish_job(database.sql, { job_id: job })
    expect(await getJob(database.sql, job)).toMatchObject({
      status: 'warning',
      reason: expect.stringMatching(
        /^wiki: the newest backup has 3\.00 MiB, the one before it 858 MiB; nothing is removed until/,
      ),
    })
    await database.sql`update archiver.backups set acknowledged_at = now() where job_id = ${job}`
    const [{ id }] = await database.sql<
      [{ id: number }]
    >`select archiver.start_retention_job(${archive}, 'manual', false) as id`
    await finish_job(database.sql, { job_id: id })
    expect((await claimed(id)).kind).toBe('delete_backups')
  })

  test('one that cannot be removed is a warning where backups were made, and a failure of retention alone', async () => {
    const refused: CareOutcome = { status: 'failed', reason: 'the folder is read-only', backups: [] }
    const archive = await makeArchive(keepOneDay)
    for (const days of [5, 4, 3]) await old(archive, days)
    const job = await submitJob(database.sql, archive, 'manual')
    await agent.finish(await claimed(job), archived(job))
    await finish_job(database.sql, { job_id: job })
    await agent.finish(await claimed(job), refused)
    await finish_job(database.sql, { job_id: job })
    expect(await getJob(database.sql, job)).toMatchObject({
      status: 'warning',
      reason: 'wiki: the folder is read-only',
    })

    const [{ id }] = await database.sql<
      [{ id: number }]
    >`select archiver.start_retention_job(${archive}, 'manual', false) as id`
    await finish_job(database.sql, { job_id: id })
    await agent.finish(await claimed(id), refused)
    await finish_job(database.sql, { job_id: id })
    expect(await getJob(database.sql, id)).toMatchObject({
      job_type: 'retention',
      status: 'failed',
      reason: 'wiki: the folder is read-only',
      results: { retention: [{ kept: 4, removed: 0, bytes: 0 }] },
    })
    expect(await listJobStacks(database.sql, id)).toMatchObject([{ status: 'failed', stack_name: 'wiki' }])
  })

  test('a dry run says what would go, and counts for nothing', async () => {
    const archive = await makeArchive(keepOneDay)
    for (const days of [5, 4, 3]) await old(archive, days)
    const dry_run = { stop_containers: false, create_archive: true, run_retention: true }
    const job = await submitJob(database.sql, archive, 'manual', { dry_run })
    await agent.finish(await claimed(job), { ...good, archive_path: null, backup: null, downtime_seconds: null })
    await finish_job(database.sql, { job_id: job })
    expect(await getJob(database.sql, job)).toMatchObject({
      status: 'success',
      total_size_bytes: 0,
      reclaimed_bytes: 0,
      results: { retention: [{ removed: 2 }] },
    })
    const log = (await logOf(job)).join('\n')
    expect(log).toMatch(/keep the backup this job would make: newest good backup, day 1 of 1/)
    expect(log).toMatch(/backups would be kept, 2 would be removed/)
    expect(log).toContain('nothing was changed')
    expect(await agent.claim()).toBeNull()
  })

  test('retention alone with nothing to do is a success', async () => {
    const archive = await makeArchive(keepOneDay)
    const [{ id }] = await database.sql<
      [{ id: number }]
    >`select archiver.start_retention_job(${archive}, 'manual', false) as id`
    await finish_job(database.sql, { job_id: id })
    expect(await getJob(database.sql, id)).toMatchObject({ job_type: 'retention', status: 'success' })
  })

  test('a job that is cancelled before retention deletes nothing', async () => {
    const archive = await makeArchive(keepOneDay)
    for (const days of [5, 4, 3]) await old(archive, days)
    const [{ id }] = await database.sql<
      [{ id: number }]
    >`select archiver.start_retention_job(${archive}, 'manual', false) as id`
    await database.sql`select archiver.cancel_job(${id})`
    await finish_job(database.sql, { job_id: id })
    expect(await getJob(database.sql, id)).toMatchObject({ status: 'cancelled' })
    expect(await agent.claim()).toBeNull()
  })
})

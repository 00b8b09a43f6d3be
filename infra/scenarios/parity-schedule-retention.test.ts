// When archives run by themselves, and which of their backups stay.
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Archive } from 'db/queries/archives'
import type { Backup } from 'db/queries/backups'
import type { Job } from 'db/queries/jobs'
import { api } from '../testbed/api.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { startServer, type TestProcess, type TestServer } from '../testbed/processes.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { makeStack, type TestStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

const undo = new AsyncDisposableStack()
let stack: TestStack
let house: House
let agent: TestProcess
let otherServer: TestServer

beforeAll(async () => {
  if (inject('missing').length > 0) return
  const parent = undo.use(await temporaryFolder()).path
  // nothing of it runs: what is looked at here are times and files
  const composeYaml = 'services:\n  web:\n    image: archiver-test/busybox\n'
  const files = { 'notes.txt': 'x'.repeat(3000) }
  stack = undo.use(await makeStack({ name: uniqueName('diary'), composeYaml, files, parent }))
  house = undo.use(await makeHouse({ stacksDirs: [parent] }))
  agent = await house.startAgent()
  const { server, database } = house
  otherServer = undo.use(await startServer({ databaseUrl: database.url, secretKey: server.secretKey, admin: false }))
})
afterAll(() => undo.disposeAsync())

const nothing = { retention_keep_days: 0, retention_keep_weeks: 0, retention_keep_months: 0, retention_keep_years: 0 }
const day = 86_400_000

async function makeArchive(settings: Record<string, unknown> = {}): Promise<number> {
  return house.makeArchive(uniqueName('diary'), [await house.findStack(stack.folder)], settings)
}

const archiveOf = async (id: number) => (await house.api.get<{ archive: Archive }>(`/api/archives/${id}`)).body.archive
const backupsOf = async (id: number) =>
  (await house.api.get<{ backups: Backup[] }>(`/api/backups?archive_id=${id}&limit=500`)).body.backups
const jobsOf = async (id: number) => (await house.api.get<{ jobs: Job[] }>(`/api/jobs?archive_id=${id}`)).body.jobs
const filesOf = async (id: number) => {
  const { folder } = await archiveOf(id)
  const there = await readdir(join(house.archivesDir, folder), { recursive: true })
  return there
    .filter((path) => path.endsWith('.tar.zst'))
    .map((path) => `${folder}/${path}`)
    .sort()
}

/** Makes one backup, and from it others that count as made at these times: rows and files. */
async function age(archiveId: number, times: number[]): Promise<void> {
  if ((await backupsOf(archiveId)).length === 0) {
    const { job, log } = await house.ended(await house.run(archiveId))
    expect(job.status, log).toBe('success')
  }
  const [model] = await backupsOf(archiveId)
  if (!model) throw new Error('There is no backup')
  const folder = model.path.slice(0, model.path.lastIndexOf('/'))
  await mkdir(join(house.archivesDir, folder), { recursive: true })
  for (const time of times) {
    const at = new Date(time)
    const stamp = at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_')
    const path = `${folder}/${stamp}_${stack.name}.tar.zst`
    await copyFile(join(house.archivesDir, model.path), join(house.archivesDir, path))
    await house.database.sql`
      insert into archiver.backups (host_id, stack_id, archive_id, archive_name, stack_name, path, format, state, size_bytes,
        file_count, sha256, created_at, verified_at)
      select host_id, stack_id, archive_id, archive_name, stack_name, ${path}, format, state, size_bytes, file_count, sha256, ${at}, now()
      from archiver.backups where id = ${model.id}`
  }
}

async function runRetention(archiveId: number) {
  const answer = await house.api.post<{ job_id: number }>(`/api/archives/${archiveId}/retention`)
  expect(answer.status).toBe(202)
  return house.ended(answer.body.job_id)
}

/** Until nothing more goes: one job removes at most half. */
async function thin(archiveId: number): Promise<void> {
  for (let round = 0; round < 12; round++) {
    const { job, log } = await runRetention(archiveId)
    expect(job.status, log).toBe('success')
    if (job.results.retention?.[0]?.removed === 0) return
  }
  throw new Error('Retention never ends')
}

const nightsAgo = (nights: number) => Date.now() - nights * day

test('Retention: GFS as in DESIGN.md', async () => {
  const id = await makeArchive({
    retention_keep_days: 7,
    retention_keep_weeks: 4,
    retention_keep_months: 6,
    retention_keep_years: 2,
    retention_one_per_day: true,
  })
  // every third night of more than a year, twice on some
  const nights = Array.from({ length: 130 }, (_, index) => nightsAgo(3 * (index + 1)))
  await age(id, [...nights, ...nights.slice(0, 10).map((time) => time - 1000)])
  const newestFirst = (await backupsOf(id)).toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1))
  const week = (backup: Backup) => {
    const monday = new Date(backup.created_at)
    monday.setUTCDate(monday.getUTCDate() - ((monday.getUTCDay() + 6) % 7))
    return monday.toISOString().slice(0, 10)
  }
  const newestOf = (count: number, period: (backup: Backup) => string) => {
    const first = new Map<string, number>()
    for (const backup of newestFirst) if (!first.has(period(backup))) first.set(period(backup), backup.id)
    return [...first.values()].slice(0, count)
  }
  const by = (length: number) => (backup: Backup) => String(backup.created_at).slice(0, length)
  const expected = new Set([...newestOf(7, by(10)), ...newestOf(4, week), ...newestOf(6, by(7)), ...newestOf(2, by(4))])

  const preview = await house.api.post<{ stacks: { decisions: { id: number; keep: boolean; reasons: string[] }[] }[] }>(
    `/api/archives/${id}/retention/preview`,
  )
  const told = preview.body.stacks[0]?.decisions.filter(({ keep }) => keep).map(({ id }) => id) ?? []
  expect(told.sort()).toEqual([...expected].sort())

  const { log, job } = await runRetention(id)
  expect(log).toMatch(/keep \S+: newest good backup, day 1 of 7, ISO week \d{4}-W\d\d, month \d{4}-\d\d, year \d{4}/)
  expect(log).toMatch(/more will go with the next job/)
  expect(job.reclaimed_bytes).toBeGreaterThan(0)
  await thin(id)
  const left = await backupsOf(id)
  expect(left.map(({ id }) => id).sort()).toEqual([...expected].sort())
  expect(await filesOf(id)).toEqual(left.map(({ path }) => path).sort())
})

test('Not again: weekly picks that slide and starve', async () => {
  const id = await makeArchive({ ...nothing, retention_keep_weeks: 4 })
  const sundays = Array.from({ length: 60 }, (_, night) => nightsAgo(night + 1)).filter(
    (time) => new Date(time).getUTCDay() === 0,
  )
  await age(
    id,
    Array.from({ length: 60 }, (_, night) => nightsAgo(night + 1)),
  )
  await thin(id)
  const left = (await backupsOf(id)).map(({ created_at }) => String(created_at).slice(0, 10))
  const fullWeeks = sundays.slice(0, 3).map((time) => new Date(time).toISOString().slice(0, 10))
  expect(left).toHaveLength(4)
  expect(left).toEqual(expect.arrayContaining(fullWeeks))
})

test('Not again: months beyond 12 never reached', async () => {
  const id = await makeArchive({ ...nothing, retention_keep_months: 18 })
  const today = new Date()
  await age(
    id,
    Array.from({ length: 24 }, (_, index) => Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - index - 1, 15, 3)),
  )
  await thin(id)
  expect(new Set((await backupsOf(id)).map(({ created_at }) => String(created_at).slice(0, 7))).size).toBe(18)
})

test('Not again: all zeros deleting the newest', async () => {
  const id = await makeArchive()
  const refused = await house.api.patch<{ detail: string }>(`/api/archives/${id}`, nothing)
  expect(refused.status).toBe(422)
  expect(refused.body.detail).toMatch(/keeps nothing/)
  await expect(house.database.sql`
    update archiver.archives set retention_keep_days = 0, retention_keep_weeks = 0, retention_keep_months = 0, retention_keep_years = 0
    where id = ${id}`).rejects.toThrow(/keeps_something/)
})

test('Not again: a partial file displacing a good one', async () => {
  const id = await makeArchive({ ...nothing, retention_keep_days: 1, retention_one_per_day: true })
  await age(id, [nightsAgo(1)])
  const [newest, good] = await backupsOf(id).then((all) =>
    all.toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1)),
  )
  await house.database.sql`update archiver.backups set state = 'incomplete' where id = ${newest?.id ?? 0}`
  const { job } = await runRetention(id)
  expect(job.status).toBe('success')
  expect((await backupsOf(id)).map(({ id }) => id)).toContain(good?.id)
  expect(await filesOf(id)).toContain(good?.path)
})

test('Not again: dry runs counted as storage', async () => {
  const id = await makeArchive({ ...nothing, retention_keep_days: 1, retention_one_per_day: true })
  await age(id, [nightsAgo(1), nightsAgo(2)])
  const [files, rows] = [await filesOf(id), await backupsOf(id)]
  const dry = await house.api.post<{ job_id: number }>(`/api/archives/${id}/dry-run`)
  const { job, log } = await house.ended(dry.body.job_id)
  expect(job).toMatchObject({ status: 'success', is_dry_run: true, total_size_bytes: 0, reclaimed_bytes: 0 })
  expect(log).toMatch(/would be removed/)
  expect(await filesOf(id)).toEqual(files)
  expect(await backupsOf(id)).toEqual(rows)
})

test('Run retention alone', async () => {
  const id = await makeArchive({ ...nothing, retention_keep_days: 1, retention_one_per_day: true })
  await age(id, [nightsAgo(1), nightsAgo(2), nightsAgo(3)])
  const before = await filesOf(id)
  const dry = await house.api.post<{ job_id: number }>(`/api/archives/${id}/retention`, { dry_run: true })
  expect((await house.ended(dry.body.job_id)).job).toMatchObject({ job_type: 'retention', is_dry_run: true })
  expect(await filesOf(id)).toEqual(before)
  const { job, stack, log } = await runRetention(id)
  expect(job).toMatchObject({ job_type: 'retention', status: 'success', total_size_bytes: 0, triggered_by: 'api' })
  expect(stack.reclaimed_bytes).toBe(job.reclaimed_bytes)
  expect(log).toMatch(/Deleted /)
  expect(await filesOf(id)).toHaveLength(2)
})

test('Archive: name (unique), stacks, stop containers (default on), schedule on/off + cron, format, keep days/weeks/months/years (7/4/6/2), one per day, time zone, volumes, excludes, mode, all stacks of a host', async () => {
  const id = await makeArchive()
  const archive = await archiveOf(id)
  expect(archive).toMatchObject({
    mode: 'stop',
    format: 'tar.zst',
    schedule_enabled: false,
    retention_keep_days: 7,
    retention_keep_weeks: 4,
    retention_keep_months: 6,
    retention_keep_years: 2,
    retention_one_per_day: false,
    include_volumes: true,
    exclude: [],
    all_stacks_of_host: null,
  })
  const taken = await house.api.post<{ detail: string }>('/api/archives', {
    name: archive.name,
    stack_ids: archive.stack_ids,
  })
  expect(taken).toMatchObject({ status: 409, body: { detail: `There is already an archive named "${archive.name}"` } })

  const all = await house.api.post<{ archive: Archive }>('/api/archives', {
    name: uniqueName('all'),
    all_stacks_of_host: house.host.id,
    exclude: ['*.tmp'],
    mode: 'live',
    time_zone: 'Australia/Lord_Howe',
    schedule_enabled: true,
    schedule_cron: '@daily',
  })
  await using later = await makeStack({
    name: uniqueName('later'),
    composeYaml: 'services:\n  web:\n    image: archiver-test/busybox\n',
    parent: stack.parent,
  })
  await house.findStack(later.folder)
  const job = await house.run(all.body.archive.id)
  await house.ended(job)
  const { metrics } = await house.job(job)
  expect(metrics.map(({ stack_name }) => stack_name)).toEqual(expect.arrayContaining([stack.name, later.name]))
  await house.api.delete(`/api/archives/${all.body.archive.id}`)
})

test('Not again: 0 = Monday', async () => {
  const id = await makeArchive({ schedule_enabled: true, schedule_cron: '0 3 * * 0' })
  expect(new Date((await archiveOf(id)).next_run_at ?? '').getUTCDay()).toBe(0)
  await house.api.delete(`/api/archives/${id}`)
})

test('Not again: expressions that validate but never fire', async () => {
  for (const cron of ['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4 *']) {
    const refused = await house.api.post<{ detail: string }>('/api/schedule/preview', { cron })
    expect(refused.status).toBe(422)
    expect(refused.body.detail).toMatch(/never comes round/)
  }
})

const everyMinute = { schedule_enabled: true, schedule_cron: '* * * * *' }

/** Its time has come, and a minute begins: some server's worker looks. */
async function comesDue(id: number): Promise<void> {
  await house.database.sql`
    update archiver.archives set next_run_at = date_trunc('minute', now()) where id = ${id}`
  await house.database.sql`select graphile_worker.add_job('tick', '{}'::json, max_attempts := 1)`
}

const missed = (id: number, count: number) =>
  until(`${count} runs to be missed`, async () => {
    const { missed_runs } = await archiveOf(id)
    return missed_runs.length >= count && missed_runs
  })

test('Schedule: cron per archive, next run and missed runs shown, misfire grace; a run missed runs once on return within its window', async () => {
  const id = await makeArchive({ schedule_enabled: true, schedule_cron: '0 3 * * *' })
  const tooLate = await makeArchive({ schedule_enabled: true, schedule_cron: '0 3 * * *', catch_up_window: 3600 })
  // as after two hours in which no server ran
  const due = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 7_200_000)
  const cron = `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`
  await house.database.sql`
    update archiver.archives set schedule_cron = ${cron}, next_run_at = ${due} where id in (${id}, ${tooLate})`
  const job = await until('the schedule to start a job', async () => (await jobsOf(id))[0])
  expect(job).toMatchObject({ triggered_by: 'schedule', scheduled_for: due.toISOString() })
  expect((await house.ended(job.id)).job.status).toBe('success')
  const { missed_runs, next_run_at } = await until('the other to be missed', async () => {
    const archive = await archiveOf(tooLate)
    return archive.missed_runs.length > 0 && archive
  })
  expect(missed_runs).toMatchObject([{ reason: 'it could not start within 60 min of its time' }])
  expect(String(next_run_at)).toBe(new Date(due.getTime() + day).toISOString())
  expect(await jobsOf(tooLate)).toEqual([])
  expect(await jobsOf(id)).toHaveLength(1)
  for (const archive of [id, tooLate]) await house.api.delete(`/api/archives/${archive}`)
})

test('Not again: scheduled runs over a running job', async () => {
  const id = await makeArchive(everyMinute)
  await agent.stop()
  const running = await house.run(id)
  await comesDue(id)
  const [run] = await missed(id, 1)
  expect(run?.reason).toBe(`skipped: job ${running} was still running`)
  expect(await jobsOf(id)).toHaveLength(1)
  agent = await house.startAgent()
  const { job, log } = await house.ended(running)
  expect(job.status).toBe('success')
  expect(log).toMatch(/The run due at .* is skipped: this job is still running/)
})

test('Not again: settings that reach one of several workers only; maintenance mode pauses schedules', async () => {
  const id = await makeArchive(everyMinute)
  const other = api(otherServer.url, house.server.token)
  expect((await house.api.patch('/api/settings/general', { maintenance_mode: true })).status).toBe(200)
  const seen = await other.get<{ settings: { general: { maintenance_mode: boolean } } }>('/api/settings')
  expect(seen.body.settings.general.maintenance_mode).toBe(true)
  for (const count of [1, 2, 3]) {
    await comesDue(id)
    await missed(id, count)
  }
  // now the other server's worker is the only one
  await house.server.stop()
  await comesDue(id)
  const { missed_runs } = await until('it to be missed again', async () => {
    const { archive } = (await other.get<{ archive: Archive }>(`/api/archives/${id}`)).body
    return archive.missed_runs.length >= 4 && archive
  })
  expect(new Set(missed_runs.map(({ reason }) => reason))).toEqual(new Set(['maintenance mode was on']))
  expect((await other.get<{ jobs: Job[] }>(`/api/jobs?archive_id=${id}`)).body.jobs).toEqual([])
  const byHand = await other.post<{ job_id: number }>(`/api/archives/${id}/run`)
  expect(byHand.status, 'what a person starts runs').toBe(202)
})

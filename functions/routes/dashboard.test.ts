// What the dashboard tells, and what is told of each stack, over rows of known times.
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { startTestAgent } from '../testing/agent.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

const zone = 'Pacific/Kiritimati'
let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let archive: number
let host: number
const stacks: Record<string, number> = {}

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'), { TZ: zone })
  agent = await startTestAgent(server.database, ['wiki', 'photos', 'lone'])
  host = agent.host.id
  for (const { id, name } of (await get('/api/stacks')).stacks) stacks[name] = id
  const made = await server.ask('admin', 'POST', '/api/archives', {
    name: 'nightly',
    stack_ids: [stacks.wiki, stacks.photos],
  })
  archive = made.body.archive.id
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

const get = async (path: string) => (await server.ask('viewer', 'GET', path)).body

/** Noon in the display zone, so many days ago, and hours later. */
function noon(daysAgo: number, hours = 0) {
  const { sql } = server.database
  return sql`(((now() at time zone ${zone})::date - ${daysAgo}::integer + time '12:00' + ${hours} * interval '1 hour') at time zone ${zone})`
}

async function job(
  daysAgo: number,
  status: string,
  { hours = 0, dry = false, type = 'archive' } = {},
): Promise<number> {
  const ends = status === 'running' ? server.database.sql`null` : noon(daysAgo, hours)
  const [row] = await server.database.sql<[{ id: number }]>`
    insert into archiver.jobs (job_type, archive_id, archive_name, status, triggered_by, is_dry_run, created_at, start_time, end_time)
    values (${type}, ${archive}, 'nightly', ${status}, 'schedule', ${dry}, ${noon(daysAgo, hours)}, ${noon(daysAgo, hours)}, ${ends})
    returning id`
  return row.id
}

async function ran(jobId: number, stack: string, status: string, downtime: number | null) {
  await server.database.sql`
    insert into archiver.job_stacks (job_id, stack_id, host_id, stack_name, status, start_time, end_time, downtime_seconds)
    select ${jobId}, ${stacks[stack] ?? null}, ${host}, ${stack}, ${status}, start_time, end_time, ${downtime} from archiver.jobs where id = ${jobId}`
}

async function backup(
  daysAgo: number,
  stack: string | null,
  size: number,
  { state = 'good', goneDaysAgo = -1, name = stack ?? '' } = {},
) {
  const { sql } = server.database
  await sql`
    insert into archiver.backups (host_id, stack_id, archive_id, archive_name, stack_name, path, format, state, size_bytes, file_count,
      sha256, created_at, verified_at, deleted_at)
    values (${host}, ${stack ? (stacks[stack] ?? null) : null}, ${archive}, 'nightly', ${name}, ${`${name}-${Math.random()}`}, 'tar.zst', ${state},
      ${size}, 1, '', ${noon(daysAgo)}, ${noon(daysAgo)}, ${goneDaysAgo < 0 ? null : noon(goneDaysAgo)})`
  await sql`select archiver.announce('backups')`
}

/** Storage over time, once it tells of what was just changed. */
async function storage(told: (answer: any) => boolean) {
  const look = async () => {
    const answer = await get('/api/dashboard/storage')
    expect(answer).toSatisfy(told)
    return answer
  }
  return vi.waitFor(look, { timeout: 20_000 })
}

test('an installation without a job says so in numbers', async () => {
  expect(await get('/api/dashboard')).toMatchObject({
    maintenance_mode: false,
    storage: { bytes: 0, backups: 0, trash_bytes: 0, corrupt: 0 },
    last_24_hours: {},
    next_run: null,
    archives: [{ archive_id: archive, last_result: null, days: [] }],
    calendar: [],
  })
  expect(await get('/api/dashboard/storage')).toEqual({ days: [], stacks: [], others: null })
})

test('days are those of the display time zone, results are counted, and what runs hides nothing', async () => {
  const { today } = await get('/api/dashboard')
  const dayOf = (ago: number) => new Date(Date.parse(today) - ago * 86_400_000).toISOString().slice(0, 10)
  await job(400, 'success')
  await job(40, 'success')
  // late in the evening there, and still the day before in UTC
  await job(2, 'success', { hours: -11.9 })
  await job(2, 'failed', { hours: 11.9 })
  await job(1, 'success', { dry: true })
  await job(1, 'warning', { type: 'verify' })
  const failed = await job(1, 'failed')
  const running = await job(0, 'running')
  await server.database.sql`
    insert into archiver.missed_runs (archive_id, scheduled_for, reason) values (${archive}, ${noon(3)}, 'it could not start in time')`
  await server.database
    .sql`update archiver.archives set schedule_enabled = true, next_run_at = '2099-01-01T00:00:00Z' where id = ${archive}`

  const { archives, calendar, next_run } = await get('/api/dashboard')
  expect(archives).toEqual([
    {
      archive_id: archive,
      last_result: { job_id: failed, status: 'failed', reason: '', end_time: expect.any(String) },
      days: [
        { day: dayOf(3), missed: 1 },
        { day: dayOf(2), success: 1, failed: 1 },
        { day: dayOf(1), failed: 1 },
        { day: dayOf(0), running: 1 },
      ],
    },
  ])
  expect(calendar.slice(0, 1)).toEqual([{ day: dayOf(40), success: 1 }])
  expect(calendar.find(({ day }: { day: string }) => day === dayOf(1))).toEqual({
    day: dayOf(1),
    failed: 1,
    warning: 1,
  })
  expect(next_run).toMatchObject({ archive_id: archive, archive_name: 'nightly' })
  await server.database.sql`delete from archiver.jobs where id = ${running}`
})

test('storage over time counts what was there each day, those of lost stacks and all others too', async () => {
  await backup(20, 'wiki', 100)
  await backup(10, 'wiki', 50, { state: 'deleted', goneDaysAgo: 5 })
  await backup(5, 'photos', 1000)
  await backup(5, null, 7, { name: 'moved away' })
  await backup(1, 'photos', 3, { state: 'corrupt' })
  const { days, stacks: series, others } = await storage(({ stacks }) => stacks.length === 3)
  const at = (name: string, ago: number) => series.find((one: any) => one.stack_name === name).bytes.at(-1 - ago)
  expect(days).toHaveLength(22)
  expect(series.map(({ stack_name }: any) => stack_name)).toEqual(['photos', 'wiki', 'moved away'])
  expect([21, 20, 11, 10, 6, 5, 0].map((ago) => at('wiki', ago))).toEqual([0, 100, 100, 150, 150, 100, 100])
  expect([6, 5, 0].map((ago) => at('photos', ago))).toEqual([0, 1000, 1003])
  expect(others).toBeNull()
  expect((await get('/api/dashboard')).storage).toEqual({ bytes: 1110, backups: 4, trash_bytes: 0, corrupt: 1 })

  for (let n = 0; n < 9; n++) await backup(3, null, 10 + n, { name: `old ${n}` })
  const many = await storage(({ others }) => others?.bytes.at(-1) === 53)
  expect(many.stacks).toHaveLength(7)
  expect(many.others.bytes.slice(-5)).toEqual([7, 53, 53, 53, 53])
})

test('a history of more than 90 days has one point a week, up to today', async () => {
  await backup(200, 'wiki', 1)
  const { days } = await storage(({ days }) => days.length < 40 && days.length > 22)
  const { today } = await get('/api/dashboard')
  expect(days.at(-1)).toBe(today)
  expect(Date.parse(days.at(-1)) - Date.parse(days.at(-2))).toBe(7 * 86_400_000)
})

test('a stack tells its last run, its newest backup, and the archive of all stacks of its host', async () => {
  const id = await job(1, 'failed')
  await ran(id, 'wiki', 'failed', null)
  await ran(id, 'photos', 'success', 4.5)
  const rows = Object.fromEntries((await get('/api/stacks')).stacks.map((stack: any) => [stack.name, stack]))
  expect(rows.wiki.last_run).toMatchObject({ job_id: id, archive_name: 'nightly', status: 'failed' })
  expect(rows.photos).toMatchObject({ last_backup: { size_bytes: 1000 }, newest_backup: { state: 'corrupt' } })
  expect(rows.lone).toMatchObject({ archives: [], last_run: null, newest_backup: null })

  await server.ask('admin', 'POST', '/api/archives', { name: 'whole host', all_stacks_of_host: host })
  const lone = await get(`/api/stacks/${stacks.lone}`)
  expect(lone.stack.archives).toMatchObject([{ name: 'whole host' }])
  expect(lone.runs).toEqual([])
  const photos = await get(`/api/stacks/${stacks.photos}`)
  expect(photos.runs).toMatchObject([{ job_id: id, status: 'success', downtime_seconds: 4.5 }])
  expect((await server.ask('viewer', 'GET', '/api/stacks/999999')).status).toBe(404)
})

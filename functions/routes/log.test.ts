// Logs that are long: what a line costs, how its end is read, and how it goes.
import { pruneLogs } from 'db/queries/logs'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { good, startTestAgent } from '../testing/agent.ts'
import { readEvents } from '../testing/events.ts'
import { eventually } from '../testing/eventually.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki'])
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

/** A job that runs, with so many lines already. */
async function running(name: string, lines: number) {
  const [stack] = (await server.ask('admin', 'GET', '/api/stacks')).body.stacks
  const { archive } = (await server.ask('admin', 'POST', '/api/archives', { name, stack_ids: [stack.id] })).body
  const { job_id } = (await server.ask('operator', 'POST', `/api/archives/${archive.id}/run`)).body
  const task = await agent.claim()
  if (!task) throw new Error('there is no task')
  await fill(job_id, lines)
  let isFinished = false
  const finish = async () => {
    if (isFinished) return
    isFinished = true
    const backup = good.backup && { ...good.backup, path: `${name}/wiki/1.tar.zst` }
    await agent.finish(task, { ...good, backup })
    const status = async () => (await server.ask('viewer', 'GET', `/api/jobs/${job_id}`)).body.job.status
    await eventually(status).toBe('success')
  }
  // a task that a failing test leaves would be handed out to the next test
  return { id: job_id as number, task, finish, [Symbol.asyncDispose]: finish }
}

async function fill(id: number, lines: number): Promise<void> {
  const { sql } = server.database
  await sql`
    insert into archiver.log_lines (job_id, line, at, level, text)
    select j.id, j.last_line + n, now(), 'info', 'a line like many others, of which there are a great many ' || n
    from archiver.jobs as j, generate_series(1, ${lines}) as n where j.id = ${id}`
  await sql`update archiver.jobs set last_line = last_line + ${lines} where id = ${id}`
}

test('lines are found by text, level and stack: how many, where, and page by page', async () => {
  await using job = await running('found', 1000)
  const { sql } = server.database
  await sql`update archiver.log_lines set level = 'error', text = '100 % Wrong' where job_id = ${job.id} and line % 4 = 0`
  const [{ count: wrong }] = await sql<[{ count: number }]>`
    select count(*) as count from archiver.log_lines where job_id = ${job.id} and level = 'error'`
  const ask = async (what: string) => (await server.ask('viewer', 'GET', `/api/jobs/${job.id}/log/${what}`)).body
  const all = await ask('places')
  expect(all).toMatchObject({ count: all.last_line, step: 200 })
  expect(all.lines.slice(0, 3)).toEqual([1, 201, 401])
  const found = await ask('places?search=100%20%25%20wrong')
  expect(found.count).toBe(wrong)
  expect(found.lines).toEqual([4, 804])
  expect(await ask('places?level=warn')).toEqual(found)
  expect((await ask('places?level=warn&last_line=900')).count).toBe(wrong - 225)
  expect((await ask('places?search=100%25%25')).count, 'no pattern').toBe(0)
  expect((await ask('places?stack=nobody')).count).toBe(0)
  const second = await ask(`tail?level=warn&limit=200&last_line=${found.lines[1] - 1}`)
  expect(second.lines[0]).toMatchObject({ line: 804, level: 'error', text: '100 % Wrong' })
  expect((await server.ask('viewer', 'GET', `/api/jobs/${job.id}/log/places?level=loud`)).status).toBe(422)
})

test('Not again: a log append that rewrites the whole log', async () => {
  const { sql } = server.database
  const planOf = async (options: string, query: string) => {
    const [row] = await sql.unsafe<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }[]>(
      `explain (analyze, ${options}, format json) ${query}`,
    )
    return row?.['QUERY PLAN'][0].Plan ?? {}
  }
  const bytesToAppend = async (taskId: number) => {
    const at = new Date().toISOString()
    const lines = Array.from({ length: 100 }, (_, index) => ({ seq: index + 1, at, level: 'info', text: 'one more' }))
    const plan = await planOf('wal', `select archiver.store_lines(${taskId}, '${JSON.stringify(lines)}')`)
    return plan['WAL Bytes'] ?? 0
  }
  const pagesToRead = async (jobId: number, after: number) => {
    const plan = await planOf(
      'buffers',
      `select * from archiver.log_lines where job_id = ${jobId} and line > ${after} order by line limit 200000`,
    )
    return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)
  }

  await using job = await running('long', 100_000)
  const [{ bytes, last }] = await sql<[{ bytes: number; last: number }]>`
    select sum(length(text)) as bytes, max(line) as last from archiver.log_lines where job_id = ${job.id}`
  // beside the lines themselves Postgres writes a few pages whenever it likes, for a checkpoint or a hint: never a tenth
  const appended = await bytesToAppend(job.task.id)
  expect(appended).toBeGreaterThan(1000)
  expect(appended).toBeLessThan(bytes / 10)
  // and its end is read without the rest, even if each line stood on a page of its own
  expect(await pagesToRead(job.id, last)).toBeLessThan((await pagesToRead(job.id, 0)) / 4)
})

test('old logs go, without what takes their place needing more room; the jobs stay, and are still followed', async () => {
  const { sql } = server.database
  await using old = await running('old', 30_000)
  await old.finish()
  await using young = await running('young', 100)
  await young.finish()
  await sql`update archiver.jobs set end_time = now() - interval '91 days' where id = ${old.id}`
  const olderThan = new Date(Date.now() - 90 * 24 * 3600_000)
  const size = async () => {
    const [row] = await sql<[{ bytes: number }]>`select pg_total_relation_size('archiver.log_lines') as bytes`
    return row.bytes
  }
  const before = await size()

  const { last_line } = (await server.ask('viewer', 'GET', `/api/jobs/${old.id}`)).body.job
  expect(await pruneLogs(sql, olderThan, true)).toEqual({ jobs: 1, lines: last_line })
  expect(await pruneLogs(sql, olderThan, false)).toEqual({ jobs: 1, lines: last_line })
  expect(await pruneLogs(sql, olderThan, false)).toEqual({ jobs: 0, lines: 0 })
  await fill(young.id, 30_000)
  expect(await size()).toBeLessThan(before * 1.1)

  expect((await server.ask('viewer', 'GET', `/api/jobs/${old.id}/log/tail`)).body).toMatchObject({
    lines: [],
    complete: true,
    job: { status: 'success', log_pruned_at: expect.any(String) },
  })
  const seen: string[] = []
  for await (const { event } of readEvents(`${server.url}/api/jobs/${old.id}/events`, server.headersOf('viewer')))
    seen.push(event)
  expect(seen).toEqual(['status', 'end'])
  expect((await server.ask('viewer', 'GET', `/api/jobs/${young.id}/log/tail?limit=10`)).body.lines).toHaveLength(10)
})

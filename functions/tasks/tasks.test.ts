import { connect } from 'db/connect'
import type { TaskOutcome } from 'db/domain/task'
import { createArchive } from 'db/queries/archives'
import { getJob, listJobStacks, submitJob } from 'db/queries/jobs'
import { listLogLines } from 'db/queries/logs'
import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { pino } from 'pino'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { eventually } from '../testing/eventually.ts'
import { bad, good, startTestAgent } from '../testing/agent.ts'
import { startWorker } from '../worker.ts'
import { finish_job, timeInWords } from './finish_job.ts'
import { tick } from './tick.ts'

let database: TestDatabase
let agent: Awaited<ReturnType<typeof startTestAgent>>
let archive = 0

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  agent = await startTestAgent(database, ['a', 'b', 'c'])
  const stacks = await database.sql<{ id: number }[]>`select id from archiver.stacks order by id`
  const settings = {
    name: 'all',
    mode: 'stop',
    format: 'tar.zst',
    level: 3,
    include_volumes: true,
    max_downtime: 900,
    time_zone: 'UTC',
  } as const
  archive = (await createArchive(database.sql, { ...settings, stack_ids: stacks.map(({ id }) => id) })).id
})

afterAll(async () => {
  await agent.stop()
  await database.drop()
})

async function runWith(outcomes: TaskOutcome[]): Promise<number> {
  const id = await submitJob(database.sql, archive, 'manual')
  for (const [index, outcome] of outcomes.entries()) {
    const task = await agent.claim()
    if (!task) throw new Error('there is no task')
    const path = `${id}/${index}.tar.zst`
    await agent.finish(task, { ...outcome, backup: outcome.backup && { ...outcome.backup, path } })
  }
  return id
}

const logOf = async (id: number) =>
  (await listLogLines(database.sql, id, { after: 0, limit: 100 })).map(({ level, text }) => `${level} ${text}`)

const warned: TaskOutcome = { ...good, status: 'warning', reason: 'web is unhealthy' }
const cancelled: TaskOutcome = { ...bad, status: 'cancelled', reason: '' }

describe('finish_job', () => {
  test.each([
    ['success', '', [good, good, good]],
    ['warning', 'b: web is unhealthy', [good, warned, good]],
    ['failed', 'a: web is unhealthy\nc: the disk is full', [warned, good, bad]],
    ['failed', 'b: the disk is full', [cancelled, bad, good]],
    ['cancelled', '', [good, cancelled, good]],
  ])('%s, "%s"', async (status, reason, outcomes) => {
    const id = await runWith(outcomes)
    await finish_job(database.sql, { job_id: id })
    const made = outcomes.filter(({ backup }) => backup).length
    expect(await getJob(database.sql, id)).toMatchObject({
      status,
      reason,
      end_time: expect.any(Date),
      start_time: expect.any(Date),
      total_size_bytes: made * 3 * 1024 * 1024,
    })
    expect((await logOf(id)).at(-1)).toMatch(new RegExp(`Phase 3: the job has ended: ${status}$`))

    const [before, log] = [await getJob(database.sql, id), await logOf(id)]
    await finish_job(database.sql, { job_id: id })
    expect(await getJob(database.sql, id)).toEqual(before)
    expect(await logOf(id)).toEqual(log)
  })

  test('leaves a job alone that still has work', async () => {
    const id = await submitJob(database.sql, archive, 'manual')
    await finish_job(database.sql, { job_id: id })
    expect(await getJob(database.sql, id)).toMatchObject({ status: 'queued', end_time: null })
    await database.sql`select archiver.cancel_job(${id})`
    await finish_job(database.sql, { job_id: id })
    expect(await getJob(database.sql, id)).toMatchObject({ status: 'cancelled' })
  })

  test('a job without any stack has failed, and says why', async () => {
    await database.sql`update archiver.stacks set gone_at = now()`
    const id = await submitJob(database.sql, archive, 'manual')
    await finish_job(database.sql, { job_id: id })
    await database.sql`update archiver.stacks set gone_at = null`
    expect(await getJob(database.sql, id)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('no compose file has been seen in /srv/a'),
    })
    expect((await logOf(id)).join('\n')).toContain('No valid stacks found')
  })

  test('two workers close each job once, and are told of it at once', async () => {
    const sql = connect(database.url, { name: 'test workers' })
    const pools = [1, 2].map(() => new pg.Pool({ connectionString: database.url, max: 6 }))
    const runners = await Promise.all(pools.map((pool) => startWorker(pool, sql, pino({ level: 'silent' }))))
    try {
      for (let round = 0; round < 5; round++) {
        const id = await runWith([good, good, good])
        await eventually(async () => (await getJob(database.sql, id)).status).toBe('success')
        expect((await logOf(id)).filter((line) => line.includes('has ended'))).toHaveLength(1)
        expect(await listJobStacks(database.sql, id)).toHaveLength(3)
      }
      await eventually(
        () =>
          database.sql`select task_identifier from graphile_worker.jobs where task_identifier = 'finish_job' and locked_at is not null`,
      ).toEqual([])
    } finally {
      await Promise.all(runners.map((runner) => runner.stop()))
      await Promise.all(pools.map((pool) => pool.end()))
      await sql.end()
    }
  })
})

test('tick says once which agent is out of contact', async () => {
  const id = await submitJob(database.sql, archive, 'manual')
  const task = await agent.claim()
  if (!task) throw new Error('there is no task')
  await tick(database.sql)
  expect((await listJobStacks(database.sql, id))[0]).toMatchObject({ out_of_contact_since: null })
  await database.sql`update archiver.tasks set lease_until = now() - interval '1 second' where id = ${task.id}`
  await tick(database.sql)
  await tick(database.sql)
  expect((await listJobStacks(database.sql, id))[0]).toMatchObject({
    status: 'running',
    out_of_contact_since: expect.any(Date),
  })
  expect((await logOf(id)).filter((line) => line.includes('out of contact'))).toHaveLength(1)
})

test.each([
  [0, '0.0 s'],
  [9.94, '9.9 s'],
  [59.4, '59 s'],
  [61, '1 min 1 s'],
  [7265, '2 h 1 min'],
])('%d seconds are told as %s', (seconds, words) => expect(timeInWords(seconds)).toBe(words))

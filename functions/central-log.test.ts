// What a server writes to stdout, and what it says of its health: for those who run it.
import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { good, startTestAgent } from './testing/agent.ts'
import { eventually } from './testing/eventually.ts'
import { startProcess } from './testing/process.ts'
import { makeRoad } from './testing/proxy.ts'

let database: TestDatabase
let agent: Awaited<ReturnType<typeof startTestAgent>>

const token = 't'.repeat(40)
const password = 'correct horse battery'
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
const settings = () => ({
  DATABASE_URL: database.url,
  ADMIN_USERNAME: 'ada',
  ADMIN_EMAIL: 'ada@example.org',
  ADMIN_PASSWORD: password,
  API_TOKEN: token,
})

// whole processes start here, which takes its time on a busy machine

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  agent = await startTestAgent(database, ['wiki'])
})

afterAll(async () => {
  await agent.stop()
  await database.drop()
})

/** Runs a job to its end; resolves with its id. */
async function runJob(url: string, name: string): Promise<number> {
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(await response.text())
    return (await response.json()) as any
  }
  const { stacks } = await ask('GET', '/api/stacks')
  const { archive } = await ask('POST', '/api/archives', { name, stack_ids: [stacks[0].id] })
  const { job_id } = await ask('POST', `/api/archives/${archive.id}/run`)
  const task = await agent.claim()
  if (!task) throw new Error('there is no task')
  await agent.log(task, 'packing the wiki')
  const backup = good.backup && { ...good.backup, path: `${name}/wiki/1.tar.zst` }
  await agent.finish(task, { ...good, backup })
  await eventually(async () => (await ask('GET', `/api/jobs/${job_id}`)).job.status).toBe('success')
  return job_id
}

test('Logs: central log to stdout at LOG_LEVEL, per-job logs in the database, downloadable', async () => {
  const { child, exit, url, output } = startProcess({ ...settings(), LOG_LEVEL: 'info' })
  const base = await url()
  const id = await runJob(base, 'logged')
  const lines = () =>
    output.text
      .split('\n')
      .filter((line) => line.includes(`"job_id":${id},`))
      .map((line) => JSON.parse(line))
  await eventually(() => lines().length).toBe(3)
  const about = { job_id: id, job_type: 'archive', archive_name: 'logged', triggered_by: 'api', is_dry_run: false }
  for (const line of [
    { ...about, msg: 'a job was asked for' },
    { ...about, msg: 'a job has begun' },
    { ...about, msg: 'a job has ended', status: 'success', total_size_bytes: 3 * 1024 * 1024 },
  ])
    expect(lines()).toContainEqual(expect.objectContaining(line))
  const file = await fetch(`${base}/api/jobs/${id}/log`, { headers })
  expect(file.headers.get('content-disposition')).toContain(`job-${id}.log`)
  expect(await file.text()).toMatch(/Z info {2}wiki: packing the wiki\n/)
  child.kill('SIGTERM')
  await exit
  for (const secret of [token, password, 'x'.repeat(40), new URL(database.url).password])
    expect(output.text).not.toContain(`"${secret}`)
  expect(output.text).not.toContain(token)

  const quiet = startProcess({ ...settings(), LOG_LEVEL: 'error' })
  // nothing says that it listens, so it is asked by way of its port
  await eventually(
    () =>
      database.sql`select from pg_stat_activity where application_name = 'archiver worker' and datname = current_database()`,
  ).not.toEqual([])
  quiet.child.kill('SIGTERM')
  await quiet.exit
  expect(quiet.output.text).toBe('')
})

test('GET /health 200 or 503 with what is wrong', async () => {
  const road = await makeRoad(database.url)
  const { child, exit, url } = startProcess({ ...settings(), DATABASE_URL: road.url })
  const health = async () => {
    const response = await fetch(`${await url()}/health`)
    return { status: response.status, body: await response.json() }
  }
  expect(await health()).toEqual({ status: 200, body: { status: 'ok', version: expect.any(String) } })
  road.cut()
  expect(await health()).toMatchObject({
    status: 503,
    body: { status: 'failing', problems: expect.arrayContaining(['The database does not answer']) },
  })
  road.mend()
  await eventually(async () => (await health()).status).toBe(200)
  child.kill('SIGTERM')
  await exit
  await road.close()
})

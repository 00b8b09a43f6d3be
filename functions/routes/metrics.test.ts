import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { good, startTestAgent } from '../testing/agent.ts'
import { eventually } from '../testing/eventually.ts'
import { expectProblem } from '../testing/problems.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki', 'a "quoted"\\stack\nof two lines'])
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

/** As the format's description has it: every sample below its HELP and TYPE, no series twice. */
function read(text: string): Map<string, number> {
  const series = new Map<string, number>()
  let family = ''
  for (const line of text.trimEnd().split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
    if (comment) {
      if (comment[1] === 'HELP') family = String(comment[2])
      else expect([family, 'gauge']).toEqual([comment[2], comment[3]])
      continue
    }
    const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+]+)$/.exec(line)
    expect(sample, line).not.toBeNull()
    expect(sample?.[1]).toBe(family)
    const name = `${sample?.[1]}${sample?.[2] ?? ''}`
    expect(series.has(name), name).toBe(false)
    series.set(name, Number(sample?.[3]))
  }
  return series
}

async function scrape() {
  const answer = await server.ask('viewer token', 'GET', '/metrics')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return read(answer.body)
}

test('Prometheus sees jobs, stacks, sizes, downtimes, queues, agents and mails', async () => {
  expectProblem(await server.ask('nobody', 'GET', '/metrics'), 401)
  const stacks = (await server.ask('admin', 'GET', '/api/stacks')).body.stacks as { id: number }[]
  const { archive } = (
    await server.ask('admin', 'POST', '/api/archives', { name: 'nightly', stack_ids: stacks.map(({ id }) => id) })
  ).body
  const { job_id } = (await server.ask('operator', 'POST', `/api/archives/${archive.id}/run`)).body
  const { host } = agent
  expect((await scrape()).get(`archiver_tasks{host="${host.name}",state="queued"}`)).toBe(2)

  const before = Date.now() / 1000
  for (const path of ['nightly/a/1.tar.zst', 'nightly/wiki/1.tar.zst']) {
    const task = await agent.claim()
    if (!task) throw new Error('there is no task')
    const backup = good.backup && { ...good.backup, path, created_at: new Date().toISOString() }
    await agent.finish(task, { ...good, backup })
  }
  const status = async () => (await server.ask('viewer', 'GET', `/api/jobs/${job_id}`)).body.job.status
  await eventually(status).toBe('success')

  const series = await scrape()
  const wiki = `{host="${host.name}",stack="wiki",path="/srv/wiki"}`
  expect(series.get('archiver_jobs{type="archive",status="success"}')).toBe(1)
  expect(series.get(`archiver_stack_last_success_timestamp_seconds${wiki}`)).toBeGreaterThan(before - 1)
  expect(series.get(`archiver_stack_last_success_age_seconds${wiki}`)).toBeLessThan(60)
  expect(series.get(`archiver_backups${wiki}`)).toBe(1)
  expect(series.get(`archiver_backup_bytes${wiki}`)).toBe(3 * 1024 * 1024)
  expect(series.get(`archiver_stack_downtime_seconds${wiki}`)).toBe(2.5)
  expect(series.get(`archiver_tasks{host="${host.name}",state="queued"}`)).toBe(0)
  expect(series.get(`archiver_agent_online{host="${host.name}"}`)).toBe(1)
  expect(series.get(`archiver_agent_last_seen_timestamp_seconds{host="${host.name}"}`)).toBeGreaterThan(before - 60)
  expect(series.get('archiver_mails{state="failed"}')).toBe(0)
  expect(series.get('archiver_queue_given_up')).toBe(0)
  expect([...series.keys()].filter((name) => name.startsWith('archiver_info{version="'))).toHaveLength(1)
  expect([...series.keys()].filter((name) => name.includes('a \\"quoted\\"\\\\stack\\nof two lines'))).not.toEqual([])
})

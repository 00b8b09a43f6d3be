// The HTTP API as scripts written for the Python program use it: one test a row, named after it.
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { good, startTestAgent } from './testing/agent.ts'
import { eventually } from './testing/eventually.ts'
import { startTestServer, type TestServer } from './testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let archive = 0
let job = 0

const get = (path: string) => server.ask('operator token', 'GET', path)
const post = (path: string, body: unknown = {}) => server.ask('admin token', 'POST', path, body)

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki', 'shop'])
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

test('GET /api/stacks: name, path, compose_file, kind, host, running, …', async () => {
  const { status, body } = await get('/api/stacks')
  expect(status).toBe(200)
  expect(body.stacks).toHaveLength(2)
  expect(body.stacks[0]).toMatchObject({
    name: expect.stringMatching(/wiki|shop/),
    path: expect.stringMatching(/^\/srv\//),
    compose_file: 'compose.yml',
    kind: 'nested',
    host: agent.host.name,
    running: true,
  })
})

test('POST /api/archives (also /api/archives/create) · PATCH /api/archives/{id} (POST …/{id}/edit) · DELETE (POST …/{id}/delete)', async () => {
  const stacks = (await get('/api/stacks')).body.stacks.map(({ id }: { id: number }) => id)
  const made = await post('/api/archives/create', { name: 'nightly', stack_ids: stacks })
  expect(made.status).toBe(201)
  archive = made.body.archive.id
  expect((await post(`/api/archives/${archive}/edit`, { level: 5 })).body.archive.level).toBe(5)
  expect((await server.ask('admin token', 'PATCH', `/api/archives/${archive}`, { level: 4 })).body.archive.level).toBe(
    4,
  )
  for (const [method, path] of [
    ['DELETE', ''],
    ['POST', '/delete'],
  ] as const) {
    const { body } = await post('/api/archives', { name: `short-lived${path}`, stack_ids: stacks })
    expect((await server.ask('admin token', method, `/api/archives/${body.archive.id}${path}`)).status).toBe(204)
  }
})

test('GET /api/archives: list', async () => {
  const { body } = await get('/api/archives')
  expect(body.archives.map(({ name }: { name: string }) => name)).toEqual(['nightly'])
})

test('POST /api/archives/{id}/run · /dry-run · /retention: start a job → 202 { job_id }', async () => {
  for (const kind of ['dry-run', 'retention', 'run']) {
    const { status, body } = await post(`/api/archives/${archive}/${kind}`)
    expect(status, JSON.stringify(body)).toBe(202)
    job = body.job_id
    for (let task = await agent.claim(); task; task = await agent.claim()) {
      await agent.log(task, `working on ${task.kind}`)
      const made = good.backup && { ...good.backup, path: `nightly/${job}-${task.id}.tar.zst` }
      await agent.finish(task, { ...good, backup: kind === 'run' ? made : null })
    }
    await eventually(async () => (await get(`/api/jobs/${job}`)).body.job.end_time).not.toBeNull()
  }
})

test('GET /api/jobs?archive_id&type&status&limit: list, newest first', async () => {
  const all = (await get(`/api/jobs?archive_id=${archive}`)).body
  const ids = all.jobs.map(({ id }: { id: number }) => id)
  expect(ids).toEqual(ids.toSorted((a: number, b: number) => b - a))
  expect(ids).toHaveLength(3)
  expect(all).toHaveProperty('next_cursor')
  expect((await get('/api/jobs?type=retention')).body.jobs).toHaveLength(1)
  expect((await get('/api/jobs?status=failed')).body.jobs).toEqual([])
  expect((await get('/api/jobs?limit=1')).body.jobs).toHaveLength(1)
})

test('GET /api/jobs/{id}: job with its stacks', async () => {
  const { body } = await get(`/api/jobs/${job}`)
  expect(body.job).toMatchObject({
    job_type: 'archive',
    triggered_by: 'api',
    status: 'success',
    start_time: expect.any(String),
    end_time: expect.any(String),
    duration_seconds: expect.any(Number),
    total_size_bytes: 2 * 3 * 1024 * 1024,
    reclaimed_bytes: 0,
    is_dry_run: false,
  })
  expect(body.metrics).toHaveLength(2)
  expect(body.metrics[0]).toMatchObject({
    stack_name: 'shop',
    was_running: true,
    archive_path: expect.any(String),
    archive_size_bytes: 3 * 1024 * 1024,
  })
})

test('POST /api/jobs/{id}/cancel', async () => {
  const { body } = await post(`/api/archives/${archive}/run`)
  expect((await post(`/api/jobs/${body.job_id}/cancel`)).status).toBe(202)
  await eventually(async () => (await get(`/api/jobs/${body.job_id}`)).body.job.status).toBe('cancelled')
  expect((await post(`/api/jobs/${body.job_id}/cancel`)).status).toBe(409)
})

test('POST /api/jobs/{id}/download { stack_name }: make a token → { token, download_url, expires_at }', async () => {
  const { status, body } = await post(`/api/jobs/${job}/download`, { stack_name: 'wiki' })
  expect(status).toBe(201)
  expect(body).toMatchObject({ token: expect.any(String), expires_at: expect.any(String) })
  expect(body.download_url).toContain(`/download/${body.token}`)
  expect((await post(`/api/jobs/${job}/download`, { stack_name: 'nothing' })).status).toBe(404)
})

test('GET /api/jobs/{id}/log?stack: log as a text file', async () => {
  const { headers, body } = await get(`/api/jobs/${job}/log?stack=wiki`)
  expect(headers.get('content-type')).toContain('text/plain')
  expect(headers.get('content-disposition')).toContain('attachment')
  expect(body).toContain('working on archive_stack')
  expect(body.split('working on')).toHaveLength(2)
})

test('GET /api/jobs/{id}/log/tail?last_line&stack: { lines, last_line, complete, job }', async () => {
  const first = (await get(`/api/jobs/${job}/log/tail?last_line=0&limit=2`)).body
  expect(first).toMatchObject({ last_line: 2, complete: false, job: { id: job } })
  expect(first.lines).toHaveLength(2)
  const rest = (await get(`/api/jobs/${job}/log/tail?last_line=2`)).body
  expect(rest.complete).toBe(true)
  expect(rest.lines[0].line).toBe(3)
  const ofOne = (await get(`/api/jobs/${job}/log/tail?last_line=0&stack=wiki`)).body.lines
  expect(new Set(ofOne.map(({ stack_name }: { stack_name: string }) => stack_name))).toEqual(new Set(['wiki']))
})

test('GET /api/jobs/{id}/events: EventSource: log, status, progress', async () => {
  const { headers, body } = await get(`/api/jobs/${job}/events`)
  expect(headers.get('content-type')).toContain('text/event-stream')
  for (const event of ['log', 'status', 'end']) expect(body).toContain(`event: ${event}`)
})

test('POST /api/cleanup/run { dry_run, tasks[] }: 202 { job_id }', async () => {
  const { status, body } = await post('/api/cleanup/run', { dry_run: true, tasks: ['old_logs'] })
  expect(status).toBe(202)
  await eventually(async () => (await get(`/api/jobs/${body.job_id}`)).body.job).toMatchObject({
    job_type: 'cleanup',
    is_dry_run: true,
    status: 'success',
  })
})

test('GET /api/downloads · POST /api/downloads/request · DELETE /api/downloads/{id}: tokens', async () => {
  const { backups } = (await get('/api/backups')).body
  expect((await post('/api/downloads/request', { backup_id: backups[0].id })).status).toBe(201)
  const { downloads } = (await get('/api/downloads')).body
  expect(downloads).toHaveLength(2)
  for (const { id } of downloads) {
    expect((await server.ask('admin token', 'DELETE', `/api/downloads/${id}`)).status).toBe(204)
  }
  expect((await get('/api/downloads')).body.downloads).toEqual([])
})

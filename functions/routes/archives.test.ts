import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { eventually } from '../testing/eventually.ts'
import { startTestAgent } from '../testing/agent.ts'
import { expectProblem } from '../testing/problems.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let stack = 0

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki'])
  stack = (await server.ask('admin', 'GET', '/api/stacks')).body.stacks[0].id
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

describe('archives and jobs', () => {
  test('an archive takes defaults, is changed in part, run once at a time, and deleted', async () => {
    const created = await server.ask('admin token', 'POST', '/api/archives/create', {
      name: ' weekly ',
      stack_ids: [stack],
    })
    expect(created.status).toBe(201)
    expect(created.body.archive).toMatchObject({
      name: 'weekly',
      folder: 'weekly',
      mode: 'stop',
      format: 'tar.zst',
      level: 3,
      include_volumes: true,
      max_downtime: 900,
      time_zone: 'Europe/Berlin',
      stack_ids: [stack],
      last_job: null,
    })
    const { id } = created.body.archive
    expectProblem(
      await server.ask('admin', 'POST', '/api/archives', { name: 'weekly', stack_ids: [stack] }),
      409,
      /already an archive named "weekly"/,
    )
    const changed = await server.ask('admin', 'PATCH', `/api/archives/${id}`, { level: 9 })
    expect(changed.body.archive).toMatchObject({ name: 'weekly', level: 9, max_downtime: 900 })
    const edited = await server.ask('admin', 'POST', `/api/archives/${id}/edit`, { name: 'sundays' })
    expect(edited.body.archive).toMatchObject({ name: 'sundays', folder: 'weekly', level: 9 })

    const run = await server.ask('operator token', 'POST', `/api/archives/${id}/run`)
    expect(run.status).toBe(202)
    expectProblem(await server.ask('operator', 'POST', `/api/archives/${id}/run`), 409, /has not finished yet/)
    expectProblem(await server.ask('admin', 'DELETE', `/api/archives/${id}`), 409, /has not finished yet/)
    expect((await server.ask('viewer', 'GET', `/api/jobs/${run.body.job_id}`)).body).toMatchObject({
      job: { status: 'queued', triggered_by: 'api', archive_name: 'sundays', stack_count: 1 },
      metrics: [{ stack_name: 'wiki', host: agent.host.name, status: 'queued' }],
    })
    expect((await server.ask('operator', 'POST', `/api/jobs/${run.body.job_id}/cancel`)).status).toBe(202)
    await eventually(
      async () => (await server.ask('viewer', 'GET', `/api/jobs/${run.body.job_id}`)).body.job.status,
    ).toBe('cancelled')
    expectProblem(
      await server.ask('operator', 'POST', `/api/jobs/${run.body.job_id}/cancel`),
      409,
      /already ended: cancelled/,
    )
    expect((await server.ask('admin', 'POST', `/api/archives/${id}/delete`)).status).toBe(204)
    expectProblem(await server.ask('viewer', 'GET', `/api/archives/${id}`), 404)
    expect((await server.ask('viewer', 'GET', `/api/jobs/${run.body.job_id}`)).body.job).toMatchObject({
      archive_id: null,
      archive_name: 'sundays',
    })
  })

  test('jobs come newest first, page by page', async () => {
    const settings = { name: 'paged', stack_ids: [stack] }
    const { id } = (await server.ask('admin', 'POST', '/api/archives', settings)).body.archive
    const job = (await server.ask('admin', 'POST', `/api/archives/${id}/run`)).body.job_id
    const pages: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body }: { body: any } = await server.ask(
        'viewer',
        'GET',
        `/api/jobs?limit=1${cursor && `&cursor=${cursor}`}`,
      )
      expect(body.jobs).toHaveLength(1)
      pages.push(body.jobs[0].id)
      cursor = body.next_cursor
    }
    expect(pages).toEqual([...pages].sort((a, b) => b - a))
    expect(pages).toContain(job)
  })

  test('a host is added once', async () => {
    const name = `nas-${process.pid}`
    const both = await Promise.all([1, 2].map(() => server.ask('admin', 'POST', '/api/hosts', { name })))
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
    const made = both.find(({ status }) => status === 201)?.body
    expect(made).toMatchObject({
      host: { name, online: false, status: null },
      role_name: `archiver_host_${name}`,
      password: expect.stringMatching(/.{30}/),
    })
    expect(
      (await server.ask('viewer', 'GET', '/api/hosts')).body.hosts.map((host: { name: string }) => host.name),
    ).toContain(name)
    expectProblem(await server.ask('admin', 'POST', '/api/hosts', { name: 'Up Stairs' }), 422, /small letters/)
  })
})

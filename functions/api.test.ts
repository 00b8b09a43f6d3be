import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startTestAgent } from './testing/agent.ts'
import { startTestServer, type Actor, type TestServer } from './testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let stack = 0
let archive = 0
let job = 0

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki'])
  stack = (await server.ask('admin', 'GET', '/api/stacks')).body.stacks[0].id
  archive = (await server.ask('admin', 'POST', '/api/archives', { name: 'nightly', stack_ids: [stack] })).body.archive
    .id
  job = (await server.ask('admin', 'POST', `/api/archives/${archive}/run`)).body.job_id
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

function expectProblem(answer: { status: number; headers: Headers; body: any }, status: number, detail?: RegExp) {
  expect(answer.body, JSON.stringify(answer.body)).toMatchObject({
    status,
    title: expect.any(String),
    detail: expect.any(String),
  })
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.body.detail.length).toBeGreaterThan(10)
  if (detail) expect(answer.body.detail).toMatch(detail)
}

describe('who may do what', () => {
  const everybody: Actor[] = ['viewer', 'operator', 'admin', 'viewer token', 'operator token', 'admin token']
  const operators = everybody.filter((actor) => !actor.startsWith('viewer'))
  const admins: Actor[] = ['admin', 'admin token']
  const people: Actor[] = ['viewer', 'operator', 'admin']

  // ids that do not exist keep what is asked for from happening: 404, 409 and 422 come after the check of the role
  const routes: [method: string, path: string, body: unknown, allowed: Actor[]][] = [
    ['GET', '/api/me', undefined, everybody],
    ['GET', '/api/hosts', undefined, everybody],
    ['POST', '/api/hosts', {}, admins],
    ['GET', '/api/stacks', undefined, everybody],
    ['GET', '/api/archives', undefined, everybody],
    ['GET', '/api/archives/999', undefined, everybody],
    ['POST', '/api/archives', {}, admins],
    ['POST', '/api/archives/create', {}, admins],
    ['PATCH', '/api/archives/999', {}, admins],
    ['POST', '/api/archives/999/edit', {}, admins],
    ['DELETE', '/api/archives/999', undefined, admins],
    ['POST', '/api/archives/999/delete', undefined, admins],
    ['POST', '/api/archives/999/run', undefined, operators],
    ['GET', '/api/jobs', undefined, everybody],
    ['GET', '/api/jobs/999', undefined, everybody],
    ['POST', '/api/jobs/999/cancel', undefined, operators],
    ['GET', '/api/jobs/999/log', undefined, everybody],
    ['GET', '/api/jobs/999/log/tail', undefined, everybody],
    ['GET', '/api/jobs/999/events', undefined, everybody],
    ['GET', '/api/backups', undefined, everybody],
    ['GET', '/api/tokens', undefined, everybody],
    ['POST', '/api/tokens', {}, people],
    ['DELETE', '/api/tokens/unknown', undefined, people],
    ['POST', '/api/auth/change-password', {}, people],
    ['GET', '/api/auth/admin/list-users', undefined, ['admin']],
    ['POST', '/api/auth/admin/create-user', { email: 'x', name: 'x', password: 'x' }, ['admin']],
  ]

  test.each(routes)('%s %s', async (method, path, body, allowed) => {
    const anonymous = await server.ask('nobody', method, path, body)
    if (path.startsWith('/api/auth/')) expect([400, 401, 403]).toContain(anonymous.status)
    else expectProblem(anonymous, 401, /Sign in first/)
    for (const actor of everybody) {
      const answer = await server.ask(actor, method, path, body)
      if (allowed.includes(actor))
        expect([200, 400, 404, 409, 422], `${actor} ${answer.status}`).toContain(answer.status)
      else expectProblem(answer, 403)
    }
  })

  test('a change of role counts at once, for sessions and tokens alike', async () => {
    const { body } = await server.ask('admin', 'GET', '/api/auth/admin/list-users')
    const { id } = body.users.find((user: { name: string }) => user.name === 'operator')
    await server.ask('admin', 'POST', '/api/auth/admin/set-role', { userId: id, role: 'viewer' })
    expectProblem(
      await server.ask('operator', 'POST', '/api/jobs/999/cancel'),
      403,
      /needs the role of an operator; you have that of a viewer/,
    )
    expectProblem(
      await server.ask('operator token', 'POST', '/api/jobs/999/cancel'),
      403,
      /this token has that of a viewer/,
    )
    await server.ask('admin', 'POST', '/api/auth/admin/set-role', { userId: id, role: 'operator' })
    expectProblem(await server.ask('operator token', 'POST', '/api/jobs/999/cancel'), 404, /no job with id 999/)
  })

  test('a token may have less than its user, never more', async () => {
    expectProblem(
      await server.ask('operator', 'POST', '/api/tokens', { name: 'too much', role: 'admin' }),
      422,
      /your own role is operator/,
    )
    const { body } = await server.ask('admin', 'POST', '/api/tokens', { name: 'weak', role: 'viewer' })
    const weak = { authorization: `Bearer ${body.token}` }
    expect((await server.ask('nobody', 'GET', '/api/me', undefined, weak)).body.user).toMatchObject({
      username: 'admin',
      role: 'viewer',
    })
    expectProblem(await server.ask('nobody', 'DELETE', `/api/archives/${archive}`, undefined, weak), 403)
  })
})

describe('tokens', () => {
  test('are shown once, listed without their text, note their use, and end when deleted', async () => {
    const { body: made } = await server.ask('viewer', 'POST', '/api/tokens', {
      name: 'phone',
      role: 'viewer',
      expires_in_days: 30,
    })
    const header = { authorization: `Bearer ${made.token}` }
    expect((await server.ask('nobody', 'GET', '/api/jobs', undefined, header)).status).toBe(200)
    const { body } = await server.ask('viewer', 'GET', '/api/tokens')
    const listed = body.tokens.find((token: { id: string }) => token.id === made.id)
    expect(listed).toEqual({
      id: made.id,
      name: 'phone',
      role: 'viewer',
      created_at: made.created_at,
      expires_at: made.expires_at,
      last_used_at: expect.any(String),
    })
    expect(JSON.stringify(body)).not.toContain(made.token)
    const rows = await server.database.sql`select * from auth.apikey`
    expect(JSON.stringify(rows)).not.toContain(made.token)

    expectProblem(await server.ask('admin', 'DELETE', `/api/tokens/${made.id}`), 404)
    expect((await server.ask('viewer', 'DELETE', `/api/tokens/${made.id}`)).status).toBe(204)
    expectProblem(await server.ask('nobody', 'GET', '/api/jobs', undefined, header), 401, /not known/)
  })

  test.each([
    ['Bearer nonsense', /not known/],
    ['Bearer ', /not of the form/],
    ['Basic YTpi', /not of the form/],
    [`Bearer ${'x'.repeat(5000)}`, /not known/],
  ])('"%.20s" is refused', async (authorization, detail) => {
    const answer = await server.ask('nobody', 'GET', '/api/jobs', undefined, { authorization })
    expectProblem(answer, 401, detail)
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
  })

  test('that expired say so', async () => {
    const { body } = await server.ask('viewer', 'POST', '/api/tokens', {
      name: 'short',
      role: 'viewer',
      expires_in_days: 1,
    })
    await server.database.sql`update auth.apikey set "expiresAt" = now() - interval '1 second' where id = ${body.id}`
    expectProblem(
      await server.ask('nobody', 'GET', '/api/jobs', undefined, { authorization: `Bearer ${body.token}` }),
      401,
      /has expired/,
    )
  })

  test('never stand in a log', async () => {
    const { body } = await server.ask('viewer', 'POST', '/api/tokens', { name: 'secret', role: 'viewer' })
    await server.ask('nobody', 'GET', `/api/jobs?limit=x`, undefined, { authorization: `Bearer ${body.token}` })
    expect(server.logged()).not.toContain(body.token)
    expect(server.logged()).not.toContain('correct horse')
  })
})

describe('bad input', () => {
  test.each(['0', '-1', 'abc', '1.5', '1e3', String(2 ** 40), (2n ** 70n).toString(), '%00', '%F0%9F%92%A9', '..%2f'])(
    'the id %s names nothing',
    async (id) => {
      expectProblem(await server.ask('admin', 'GET', `/api/archives/${id}`), 404)
      expectProblem(await server.ask('admin', 'PATCH', `/api/archives/${id}`, { level: 3 }), 404)
      expectProblem(await server.ask('admin', 'DELETE', `/api/archives/${id}`), 404)
      expectProblem(await server.ask('admin', 'POST', `/api/archives/${id}/run`), 404)
      expectProblem(await server.ask('admin', 'GET', `/api/jobs/${id}`), 404)
      expectProblem(await server.ask('admin', 'POST', `/api/jobs/${id}/cancel`), 404)
      expectProblem(await server.ask('admin', 'GET', `/api/jobs/${id}/log`), 404)
      expectProblem(await server.ask('admin', 'GET', `/api/jobs/${id}/log/tail`), 404)
      expectProblem(await server.ask('admin', 'GET', `/api/jobs/${id}/events`), 404)
      expectProblem(await server.ask('admin', 'DELETE', `/api/tokens/${id}`), 404)
    },
  )

  test.each(['{', '"', '', 'null', '[]', '"text"', '7', '{"name": "a", }'])('the body %s', async (text) => {
    for (const path of [
      '/api/archives',
      '/api/hosts',
      '/api/tokens',
      '/api/setup',
      '/api/auth/sign-in/username',
      '/api/auth/change-password',
    ]) {
      const answer = await server.ask('admin', 'POST', path, text)
      expect([400, 401, 422], `${path} ${answer.status}`).toContain(answer.status)
      expectProblem(answer, answer.status)
    }
  })

  test('a body that is not JSON', async () => {
    expectProblem(
      await server.ask('admin', 'POST', '/api/archives', 'name=x', {
        'content-type': 'application/x-www-form-urlencoded',
      }),
      415,
      /Content-Type: application\/json/,
    )
    expectProblem(
      await server.ask('admin', 'POST', '/api/hosts', '{"name":"x"}', { 'content-type': 'text/plain' }),
      415,
    )
  })

  test('a huge body', async () => {
    expectProblem(
      await server.ask('admin', 'POST', '/api/archives', { name: 'x'.repeat(2 ** 20), stack_ids: [stack] }),
      413,
      /1 MiB/,
    )
  })

  test.each([
    [{ name: '', stack_ids: [1] }, 'name'],
    [{ name: '   ', stack_ids: [1] }, 'name'],
    [{ name: 'x'.repeat(101), stack_ids: [1] }, 'name'],
    [{ name: 'nul\0', stack_ids: [1] }, 'name'],
    [{ name: 7, stack_ids: [1] }, 'name'],
    [{ name: 'a' }, 'stack_ids'],
    [{ name: 'a', stack_ids: [] }, 'stack_ids'],
    [{ name: 'a', stack_ids: ['1'] }, 'stack_ids.0'],
    [{ name: 'a', stack_ids: [2 ** 40] }, 'stack_ids.0'],
    [{ name: 'a', stack_ids: [999_999] }, 'stack_ids'],
    [{ name: 'a', stack_ids: [1], mode: 'kill' }, 'mode'],
    [{ name: 'a', stack_ids: [1], format: 'rar' }, 'format'],
    [{ name: 'a', stack_ids: [1], level: 99 }, 'level'],
    [{ name: 'a', stack_ids: [1], level: 2.5 }, 'level'],
    [{ name: 'a', stack_ids: [1], max_downtime: 1 }, 'max_downtime'],
    [{ name: 'a', stack_ids: [1], time_zone: 'Mars/Olympus' }, 'time_zone'],
    [{ name: 'a', stack_ids: [1], include_volumes: 'yes' }, 'include_volumes'],
    [{ name: 'a', stack_ids: [1], stop_containers: true }, 'stop_containers'],
  ])('the archive %j', async (body, field) => {
    const answer = await server.ask('admin', 'POST', '/api/archives', body)
    expectProblem(answer, 422)
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field)
  })

  test.each(['limit=0', 'limit=x', 'limit=501', 'cursor=x', 'status=done', 'type=nap', 'archive_id=x'])(
    'jobs?%s',
    async (query) => {
      expectProblem(await server.ask('admin', 'GET', `/api/jobs?${query}`), 422, new RegExp(query.split('=')[0] ?? ''))
    },
  )

  test('filters that match nothing are an empty list', async () => {
    for (const id of [0, 999, 2 ** 40, (2n ** 50n).toString()]) {
      expect((await server.ask('admin', 'GET', `/api/jobs?archive_id=${id}&stack_id=${id}`)).body).toEqual({
        jobs: [],
        next_cursor: null,
      })
      expect((await server.ask('admin', 'GET', `/api/backups?job_id=${id}&stack_id=${id}`)).body).toEqual({
        backups: [],
        next_cursor: null,
      })
      expect((await server.ask('admin', 'GET', `/api/stacks?host_id=${id}`)).body).toEqual({ stacks: [] })
    }
    expect((await server.ask('admin', 'GET', `/api/jobs?cursor=${'9'.repeat(16)}`)).status).toBe(200)
    expect(
      (await server.ask('admin', 'GET', `/api/jobs/${job}/log/tail?last_line=${'9'.repeat(15)}`)).body.lines,
    ).toEqual([])
    expectProblem(await server.ask('admin', 'GET', `/api/jobs/${job}/log/tail?stack=%00`), 422)
  })

  test('an address that is none', async () => {
    expectProblem(await server.ask('admin', 'GET', '/api/nothing'), 404, /api\/docs/)
    expectProblem(await server.ask('admin', 'GET', '/api/auth/nothing'), 404)
    expectProblem(await server.ask('admin', 'PUT', '/api/archives/1', {}), 404)
  })
})

describe('other sites', () => {
  const foreign = { origin: 'http://evil.example' }

  test('cannot use the session of a signed-in browser', async () => {
    for (const [method, path] of [
      ['POST', '/api/hosts'],
      ['DELETE', `/api/archives/${archive}`],
      ['POST', `/api/jobs/${job}/cancel`],
      ['POST', '/api/auth/sign-out'],
    ] as const) {
      expectProblem(
        await server.ask('admin', method, path, {}, foreign),
        403,
        /another page \(http:\/\/evil\.example\)/,
      )
      expectProblem(await server.ask('admin', method, path, {}, { origin: 'null' }), 403)
    }
    expect((await server.ask('admin', 'GET', '/api/me')).status).toBe(200)
  })

  test('cannot sign anybody in, nor set us up', async () => {
    const body = { username: 'admin', password: 'correct horse battery' }
    expectProblem(await server.ask('nobody', 'POST', '/api/auth/sign-in/username', body, foreign), 403)
    expectProblem(await server.ask('nobody', 'POST', '/api/setup', { ...body, email: 'a@example.org' }, foreign), 403)
  })

  test('a token needs no Origin, and any name of this machine is ours', async () => {
    expectProblem(await server.ask('admin token', 'POST', '/api/archives/999/run', undefined, foreign), 404)
    const { port } = new URL(server.url)
    const headers = { origin: `http://localhost:${port}` }
    const response = await fetch(`http://localhost:${port}/api/archives/999/run`, {
      method: 'POST',
      headers: { ...server.headersOf('admin'), ...headers },
    }).catch(() => undefined)
    if (response) expect(response.status).toBe(404)
  })
})

test('sign-up is closed, and so are the doors of better-auth that have one here', async () => {
  for (const path of ['sign-up/email', 'sign-in/email', 'api-key/create', 'api-key/delete', 'admin/impersonate-user']) {
    expectProblem(
      await server.ask('admin', 'POST', `/api/auth/${path}`, { email: 'a@b.de', password: 'x'.repeat(10), name: 'x' }),
      404,
    )
  }
})

test('signing out ends the session', async () => {
  const { signedIn } = await import('./testing/server.ts')
  const cookie = await signedIn(server.url, 'viewer', 'correct horse battery')
  const headers = { cookie, origin: server.url }
  expect((await server.ask('nobody', 'GET', '/api/me', undefined, headers)).status).toBe(200)
  expect((await server.ask('nobody', 'POST', '/api/auth/sign-out', {}, headers)).status).toBe(200)
  expectProblem(await server.ask('nobody', 'GET', '/api/me', undefined, headers), 401)
})

test('guessing passwords is slowed down; nobody else notices', async () => {
  const guess = (username: string, password: string) =>
    server.ask('nobody', 'POST', '/api/auth/sign-in/username', { username, password })
  for (let tries = 0; tries < 10; tries++)
    expectProblem(await guess('operator', `wrong ${tries}`), 401, /Invalid username or password/)
  const refused = await guess('operator', 'correct horse battery')
  expectProblem(refused, 429, /Try again in 10 min/)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await guess('viewer', 'correct horse battery')).status).toBe(200)
  const polls = await Promise.all(Array.from({ length: 200 }, () => server.ask('operator', 'GET', '/api/me')))
  expect(new Set(polls.map(({ status }) => status))).toEqual(new Set([200]))
})

describe('answers', () => {
  test('are never framed, sniffed or kept', async () => {
    const { headers } = await server.ask('admin', 'GET', '/api/jobs')
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('the session cookie cannot be read by scripts, nor sent along by other sites', async () => {
    const { headers } = await server.ask('nobody', 'POST', '/api/auth/sign-in/username', {
      username: 'viewer',
      password: 'correct horse battery',
    })
    expect(headers.getSetCookie().join()).toMatch(/better-auth\.session_token=.*HttpOnly.*SameSite=Lax/)
  })

  test('GET /health', async () => {
    expect((await server.ask('nobody', 'GET', '/health')).body).toEqual({ status: 'ok', version: expect.any(String) })
  })

  test('GET /api/me', async () => {
    expect((await server.ask('viewer', 'GET', '/api/me')).body).toEqual({
      user: { id: expect.any(String), username: 'viewer', email: 'viewer@example.org', role: 'viewer' },
      display: { time_zone: 'Europe/Berlin', version: expect.any(String) },
    })
  })
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
    await expect
      .poll(async () => (await server.ask('viewer', 'GET', `/api/jobs/${run.body.job_id}`)).body.job.status)
      .toBe('cancelled')
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

describe('the description', () => {
  test('names and explains every operation, with an example', async () => {
    const { body } = await server.ask('nobody', 'GET', '/api/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    const operations = Object.entries<Record<string, any>>(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
    )
    expect(operations.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'post /api/archives/{id}/run',
        'get /api/jobs/{id}/events',
        'post /api/auth/sign-in/username',
        'get /health',
      ]),
    )
    expect(operations.length).toBeGreaterThan(28)
    for (const { name, summary, description, responses, requestBody, parameters = [] } of operations) {
      expect(summary, name).toBeTruthy()
      expect(description?.length, name).toBeGreaterThan(5)
      const [good] = Object.entries<any>(responses).filter(([status]) => status.startsWith('2'))
      expect(good, name).toBeDefined()
      for (const content of [
        ...Object.values<any>(good?.[1].content ?? {}),
        ...Object.values<any>(requestBody?.content ?? {}),
      ]) {
        expect(content.example ?? content.schema.example, name).toBeDefined()
      }
      for (const parameter of parameters)
        expect(parameter.schema.example ?? parameter.example, `${name} ${parameter.name}`).toBeDefined()
      expect(responses.default.content['application/problem+json'].schema.$ref).toBe('#/components/schemas/Problem')
    }
    for (const [, name] of JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(body.components.schemas[name ?? '']).toBeDefined()
  })

  test('is shown by a page that loads nothing from elsewhere', async () => {
    const page = await server.ask('nobody', 'GET', '/api/docs')
    expect(page.status).toBe(200)
    expect(page.body).toContain('src="/api/docs/scalar.js"')
    expect(page.body).not.toMatch(/https?:\/\//)
    expect(page.headers.get('content-security-policy')).toMatch(/script-src 'self';/)
    const script = await fetch(`${server.url}/api/docs/scalar.js`)
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect((await script.text()).length).toBeGreaterThan(1e6)
  })
})

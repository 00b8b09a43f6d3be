import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expectProblem } from '../testing/problems.ts'
import { signedIn, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
})

afterAll(async () => {
  await server.stop()
})

describe('other sites', () => {
  const foreign = { origin: 'http://evil.example' }

  test('cannot use the session of a signed-in browser', async () => {
    for (const [method, path] of [
      ['POST', '/api/hosts'],
      ['DELETE', '/api/archives/999'],
      ['POST', '/api/jobs/999/cancel'],
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

test('of better-auth’s own doors only two are open, in and out', async () => {
  for (const path of [
    'sign-up/email',
    'sign-in/email',
    'change-password',
    'change-email',
    'update-user',
    'delete-user',
    'revoke-sessions',
    'request-password-reset',
    'api-key/create',
    'api-key/delete',
    'admin/set-role',
    'admin/ban-user',
    'admin/remove-user',
    'admin/create-user',
    'admin/impersonate-user',
  ]) {
    const body = { email: 'a@b.de', password: 'x'.repeat(10), name: 'x', role: 'admin' }
    expectProblem(await server.ask('admin', 'POST', `/api/auth/${path}`, body), 404)
    expectProblem(await server.ask('admin token', 'POST', `/api/auth/${path}`, body), 403)
  }
  for (const path of ['list-sessions', 'admin/list-users', 'get-session'])
    expectProblem(await server.ask('admin', 'GET', `/api/auth/${path}`), 404)
})

test('signing out ends the session', async () => {
  const cookie = await signedIn(server.url, 'viewer', 'correct horse battery')
  const headers = { cookie, origin: server.url }
  expect((await server.ask('nobody', 'GET', '/api/me', undefined, headers)).status).toBe(200)
  expect((await server.ask('nobody', 'POST', '/api/auth/sign-out', {}, headers)).status).toBe(200)
  expectProblem(await server.ask('nobody', 'GET', '/api/me', undefined, headers), 401)
})

test('a session that is used lives on, in the browser too; one that is not ends', async () => {
  const headers = { cookie: await signedIn(server.url, 'operator', 'correct horse battery') }
  const ask = () => server.ask('nobody', 'GET', '/api/me', undefined, headers)
  const { body, headers: fresh } = await ask()
  expect(fresh.getSetCookie()).toEqual([])
  const { sql } = server.database
  await sql`update auth.session set "expiresAt" = now() + interval '3 days' where "userId" = ${body.user.id}`
  expect((await ask()).headers.getSetCookie().join()).toMatch(/session_token=.*Max-Age=604800/)
  await sql`update auth.session set "expiresAt" = now() - interval '1 second' where "userId" = ${body.user.id}`
  expectProblem(await ask(), 401)
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
  const polls = await Promise.all(Array.from({ length: 200 }, () => server.ask('viewer', 'GET', '/api/me')))
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

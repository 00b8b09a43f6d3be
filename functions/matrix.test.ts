// Every route for every role: read from the API's own description, so that a route without a line here fails.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startTestServer, type Actor, type TestServer } from './testing/server.ts'

const everybody: Actor[] = ['viewer', 'operator', 'admin', 'viewer token', 'operator token', 'admin token']
const operators = everybody.filter((actor) => !actor.startsWith('viewer'))
const admins: Actor[] = ['admin', 'admin token']
const people: Actor[] = ['viewer', 'operator', 'admin']
const adminPeople: Actor[] = ['admin']
const open = 'open'

const mayAsk: Record<string, Actor[] | typeof open> = {
  'GET /health': open,
  'GET /api/setup': open,
  'POST /api/setup': open,
  'POST /api/auth/sign-in/username': open,
  'POST /api/auth/sign-out': open,

  'GET /api/me': everybody,
  'PATCH /api/me': people,
  'POST /api/me/password': people,
  'GET /api/me/sessions': people,
  'DELETE /api/me/sessions': people,
  'DELETE /api/me/sessions/{id}': people,
  'GET /api/tokens': everybody,
  'POST /api/tokens': people,
  'DELETE /api/tokens/{id}': people,

  'GET /api/users': admins,
  'POST /api/users': adminPeople,
  'PATCH /api/users/{id}': adminPeople,
  'DELETE /api/users/{id}': adminPeople,
  'POST /api/users/{id}/password': adminPeople,
  'GET /api/users/{id}/sessions': admins,
  'DELETE /api/users/{id}/sessions': adminPeople,
  'DELETE /api/users/{id}/sessions/{session_id}': adminPeople,
  'GET /api/audit': admins,

  'GET /api/hosts': everybody,
  'POST /api/hosts': admins,
  'PATCH /api/hosts/{id}': admins,
  'GET /api/stacks': everybody,
  'GET /api/stacks/{id}': everybody,
  'GET /api/dashboard': everybody,
  'GET /api/dashboard/storage': everybody,

  'GET /api/archives': everybody,
  'GET /api/archives/{id}': everybody,
  'POST /api/archives': admins,
  'POST /api/archives/create': admins,
  'PATCH /api/archives/{id}': admins,
  'POST /api/archives/{id}/edit': admins,
  'DELETE /api/archives/{id}': admins,
  'POST /api/archives/{id}/delete': admins,
  'POST /api/archives/{id}/run': operators,
  'POST /api/archives/{id}/dry-run': operators,
  'POST /api/archives/{id}/retention': operators,
  'POST /api/archives/{id}/retention/preview': everybody,
  'POST /api/retention/preview': everybody,
  'POST /api/schedule/preview': everybody,

  'GET /api/jobs': everybody,
  'GET /api/jobs/{id}': everybody,
  'POST /api/jobs/{id}/cancel': operators,
  'GET /api/jobs/{id}/log': everybody,
  'GET /api/jobs/{id}/log/tail': everybody,
  'GET /api/jobs/{id}/log/places': everybody,
  'GET /api/jobs/{id}/events': everybody,
  'GET /api/events': everybody,
  'GET /metrics': everybody,
  'GET /api/backups': everybody,
  'GET /api/backups/totals': everybody,
  'POST /api/backups/verify': operators,
  'POST /api/backups/pin': operators,
  'POST /api/backups/delete': admins,
  'POST /api/backups/undelete': admins,
  'GET /api/backups/{id}': everybody,
  'GET /api/backups/{id}/facts': everybody,
  'POST /api/backups/{id}/pin': operators,
  'POST /api/backups/{id}/verify': operators,
  'POST /api/backups/{id}/acknowledge': operators,
  'DELETE /api/backups/{id}': admins,
  'POST /api/backups/{id}/undelete': admins,
  'POST /api/backups/{id}/download': operators,
  'POST /api/jobs/{id}/download': operators,
  'GET /api/downloads': everybody,
  'POST /api/downloads/request': operators,
  'POST /api/downloads/{id}/send': operators,
  'DELETE /api/downloads/{id}': operators,
  'GET /download/{token}': open,
  'POST /download/{token}': open,
  'GET /api/public/downloads/{token}': open,
  'POST /api/public/downloads/{token}/notify': open,

  'GET /api/settings': everybody,
  'PATCH /api/settings/general': admins,
  'PATCH /api/settings/notifications': admins,
  'PATCH /api/settings/security': admins,
  'PATCH /api/settings/cleanup': admins,
  'POST /api/settings/notifications/test': admins,
  'POST /api/settings/security/permissions': admins,
  'GET /api/settings/mails': admins,
  'GET /api/cleanup': everybody,
  'POST /api/cleanup/run': admins,
}

let server: TestServer
let routes: { name: string; method: string; path: string; hasBody: boolean }[]
let expired: Record<string, string>

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  const { paths } = (await server.ask('nobody', 'GET', '/api/openapi.json')).body
  routes = Object.entries<Record<string, { requestBody?: object }>>(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path: path.replaceAll(/\{[^}]*\}/g, '999999'),
      hasBody: operation.requestBody !== undefined,
    })),
  )
  const { body } = await server.ask('admin', 'POST', '/api/tokens', { name: 'old', role: 'admin', expires_in_days: 1 })
  await server.database.sql`update auth.apikey set "expiresAt" = now() - interval '1 second' where id = ${body.id}`
  expired = { authorization: `Bearer ${body.token}` }
})

afterAll(() => server.stop())

/** Ids nobody has and bodies nobody can read keep what is asked for from happening: both are looked at after the role. */
async function statusFor({ method, path, hasBody }: (typeof routes)[number], headers: Record<string, string>) {
  const given = new AbortController()
  try {
    const response = await fetch(server.url + path, {
      method,
      redirect: 'manual',
      signal: given.signal,
      headers: { ...headers, ...(hasBody && { 'content-type': 'application/json' }) },
      ...(hasBody && { body: '{' }),
    })
    return response.status
  } finally {
    // event streams have no end
    given.abort()
  }
}

test('the table names every route there is, and no other', () => {
  expect(Object.keys(mayAsk).toSorted()).toEqual(routes.map(({ name }) => name).toSorted())
})

describe.each(Object.entries(mayAsk))('%s', (name, allowed) => {
  const route = () => routes.find((route) => route.name === name) as (typeof routes)[number]

  if (allowed === open) {
    test('is open', async () => {
      expect([200, 400, 404, 409, 415]).toContain(await statusFor(route(), {}))
    })
    return
  }

  test('needs a sign-in that holds', async () => {
    expect(await statusFor(route(), {})).toBe(401)
    expect(await statusFor(route(), expired)).toBe(401)
    expect(await statusFor(route(), { authorization: 'Bearer unknown' })).toBe(401)
    expect(await statusFor(route(), { cookie: 'better-auth.session_token=made.up', origin: server.url })).toBe(401)
  })

  test('is for some roles alone', async () => {
    for (const actor of everybody) {
      const status = await statusFor(route(), server.headersOf(actor))
      if (allowed.includes(actor)) expect([200, 400, 404, 409, 422], actor).toContain(status)
      else expect(status, actor).toBe(403)
    }
  })
})

// People: who may sign in, as what, and how that ends.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expectProblem } from '../testing/problems.ts'
import { signedIn, startOn, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
})

afterAll(() => server.stop())

const password = 'correct horse battery'

/** A new user with a session of their own. */
async function newcomer(username: string, role = 'viewer') {
  const fields = { username, email: `${username}@example.org`, password, role }
  const made = await server.ask('admin', 'POST', '/api/users', fields)
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  const headers = { cookie: await signedIn(server.url, username, password), origin: server.url }
  return {
    id: made.body.user.id as string,
    headers,
    ask: (method: string, path: string, body?: unknown) => server.ask('nobody', method, path, body, headers),
  }
}

function trySignIn(username: string, password: string) {
  return server.ask('nobody', 'POST', '/api/auth/sign-in/username', { username, password })
}

test('Signing in: first visit creates the admin, who then signs in', async () => {
  await using fresh = await freshServer()
  const ask = (path: string, body: object) =>
    fetch(fresh.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: fresh.url },
      body: JSON.stringify(body),
    })
  expect(await (await fetch(`${fresh.url}/api/setup`)).json()).toEqual({ needed: true })
  const admin = { username: 'Ada', email: 'ada@example.org', password }
  expect((await ask('/api/setup', admin)).status).toBe(201)
  expect((await ask('/api/setup', { ...admin, username: 'eve', email: 'eve@example.org' })).status).toBe(409)
  const cookie = await signedIn(fresh.url, 'ada', password)
  const me = await fetch(`${fresh.url}/api/me`, { headers: { cookie } })
  expect(await me.json()).toMatchObject({ user: { username: 'ada', role: 'admin' } })
})

describe('Signing in: profile', () => {
  test('the e-mail address is changed, unless it is somebody else’s', async () => {
    const ada = await newcomer('ada')
    expect((await ada.ask('PATCH', '/api/me', { email: 'Countess@example.org' })).body.user).toMatchObject({
      username: 'ada',
      email: 'countess@example.org',
      role: 'viewer',
    })
    expect((await ada.ask('GET', '/api/me')).body.user.email).toBe('countess@example.org')
    expectProblem(await ada.ask('PATCH', '/api/me', { email: 'ADMIN@example.org' }), 409, /already a user/)
    expectProblem(await ada.ask('PATCH', '/api/me', { email: 'nonsense' }), 422, /e-mail/)
    expectProblem(await ada.ask('PATCH', '/api/me', { role: 'admin' }), 422, /not known/)
  })

  test('the password is changed: the new one works, the old one does not, and other browsers are signed out', async () => {
    const bob = await newcomer('bob')
    const elsewhere = { cookie: await signedIn(server.url, 'bob', password) }
    const change = (current_password: string, new_password: string) =>
      bob.ask('POST', '/api/me/password', { current_password, new_password })
    expectProblem(await change('not mine at all', 'battery staple'), 422, /is not your password/)
    expectProblem(await change(password, 'short'), 422, /at least 8/)
    expect((await change(password, 'battery staple')).status).toBe(204)
    expect((await bob.ask('GET', '/api/me')).status).toBe(200)
    expectProblem(await server.ask('nobody', 'GET', '/api/me', undefined, elsewhere), 401)
    expectProblem(await trySignIn('bob', password), 401)
    expect((await trySignIn('bob', 'battery staple')).status).toBe(200)
  })

  test('guessing the current password is slowed down', async () => {
    const eve = await newcomer('eve')
    const change = (current_password: string) =>
      eve.ask('POST', '/api/me/password', { current_password, new_password: 'battery staple' })
    for (let tries = 0; tries < 10; tries++) expectProblem(await change(`wrong ${tries}`), 422)
    expectProblem(await change(password), 429, /Too many wrong passwords/)
    expect((await eve.ask('GET', '/api/me')).status).toBe(200)
  })
})

test('Signing in: roles viewer, operator, admin; user management', async () => {
  const ida = await newcomer('ida', 'operator')
  const { users } = (await server.ask('admin token', 'GET', '/api/users')).body
  expect(users.map(({ username }: { username: string }) => username)).toEqual(expect.arrayContaining(['admin', 'ida']))
  expect(users.find(({ id }: { id: string }) => id === ida.id)).toEqual({
    id: ida.id,
    username: 'ida',
    email: 'ida@example.org',
    role: 'operator',
    banned: false,
    ban_reason: '',
    created_at: expect.any(String),
    sessions: 1,
    tokens: 0,
  })
  const fields = { username: 'IDA', email: 'other@example.org', password, role: 'viewer' }
  expectProblem(await server.ask('admin', 'POST', '/api/users', fields), 409, /already a user named "IDA"/)
  const sameMail = { ...fields, username: 'other', email: 'IDA@example.org' }
  expectProblem(await server.ask('admin', 'POST', '/api/users', sameMail), 409, /with the address/)
  expectProblem(await server.ask('admin', 'POST', '/api/users', { ...fields, role: 'root' }), 422, /role must be/)

  expectProblem(await ida.ask('POST', '/api/archives', {}), 403)
  const change = (changes: object) => server.ask('admin', 'PATCH', `/api/users/${ida.id}`, changes)
  expect((await change({ role: 'admin', username: 'Ida_L', email: 'l@example.org' })).body.user).toMatchObject({
    username: 'ida_l',
    email: 'l@example.org',
    role: 'admin',
  })
  expectProblem(await ida.ask('POST', '/api/archives', {}), 422)
  expect((await trySignIn('ida_L', password)).status).toBe(200)

  expect((await server.ask('admin', 'POST', `/api/users/${ida.id}/password`, { password: 'a new one' })).status).toBe(
    204,
  )
  expectProblem(await ida.ask('GET', '/api/me'), 401)
  expect((await trySignIn('ida_l', 'a new one')).status).toBe(200)
  expect((await server.ask('admin', 'DELETE', `/api/users/${ida.id}`)).status).toBe(204)
  expectProblem(await trySignIn('ida_l', 'a new one'), 401)
  expectProblem(await server.ask('admin', 'DELETE', `/api/users/${ida.id}`), 404)
  expectProblem(await change({ role: 'viewer' }), 404)
})

test('the last admin stays, by whatever door', async () => {
  const { body } = await server.ask('admin', 'GET', '/api/users')
  const { id } = body.users.find(({ username }: { username: string }) => username === 'admin')
  const last = /the last admin/
  expectProblem(await server.ask('admin', 'PATCH', `/api/users/${id}`, { role: 'operator' }), 409, last)
  expectProblem(await server.ask('admin', 'PATCH', `/api/users/${id}`, { banned: true }), 409, last)
  expectProblem(await server.ask('admin', 'DELETE', `/api/users/${id}`), 409, last)
  expect((await server.ask('admin', 'GET', '/api/users')).status).toBe(200)

  // two admins who demote each other at the same moment: one of them stays
  const other = await newcomer('second', 'admin')
  const answers = await Promise.all([
    server.ask('admin', 'PATCH', `/api/users/${other.id}`, { role: 'viewer' }),
    other.ask('PATCH', `/api/users/${id}`, { role: 'viewer' }),
  ])
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  const left = await server.database.sql`select username from auth."user" where role = 'admin'`
  expect(left).toHaveLength(1)
  await server.database.sql`update auth."user" set role = 'admin' where username = 'admin'`
  await server.ask('admin', 'DELETE', `/api/users/${other.id}`)
})

test('whoever is banned or deleted is out at once, with sessions and tokens', async () => {
  const max = await newcomer('max', 'operator')
  const { token } = (await max.ask('POST', '/api/tokens', { name: 'phone', role: 'operator' })).body
  const byToken = () => server.ask('nobody', 'GET', '/api/me', undefined, { authorization: `Bearer ${token}` })
  expect((await byToken()).status).toBe(200)

  const ban = (banned: boolean) =>
    server.ask('admin', 'PATCH', `/api/users/${max.id}`, { banned, ban_reason: 'left the company' })
  expect((await ban(true)).body.user).toMatchObject({ banned: true, ban_reason: 'left the company', sessions: 0 })
  expectProblem(await max.ask('GET', '/api/me'), 401)
  expectProblem(await byToken(), 401)
  expectProblem(await trySignIn('max', password), 403)
  await ban(false)
  expect((await byToken()).status).toBe(200)
  expect((await trySignIn('max', password)).status).toBe(200)

  await server.ask('admin', 'DELETE', `/api/users/${max.id}`)
  expectProblem(await byToken(), 401)
  expect(await server.database.sql`select from auth.apikey where "referenceId" = ${max.id}`).toHaveLength(0)
})

test('Signing in: API tokens in the profile', async () => {
  const kim = await newcomer('kim', 'operator')
  const { token, id } = (await kim.ask('POST', '/api/tokens', { name: 'phone', role: 'viewer' })).body
  const byToken = (method: string, path: string) =>
    server.ask('nobody', method, path, {}, { authorization: `Bearer ${token}` })
  expectProblem(await byToken('POST', '/api/jobs/999/cancel'), 403, /this token has that of a viewer/)
  expectProblem(await byToken('PATCH', '/api/me'), 403, /A token cannot do this/)
  expect((await kim.ask('GET', '/api/tokens')).body.tokens).toMatchObject([{ id, name: 'phone', role: 'viewer' }])
  expect((await kim.ask('DELETE', `/api/tokens/${id}`)).status).toBe(204)
  expectProblem(await byToken('PATCH', '/api/me'), 401)
})

test('Not again: no way to revoke a session', async () => {
  const lea = await newcomer('lea')
  const phone = { cookie: await signedIn(server.url, 'lea', password), 'user-agent': 'a phone' }
  await fetch(`${server.url}/api/me`, { headers: phone })
  const { sessions } = (await lea.ask('GET', '/api/me/sessions')).body
  expect(sessions.map(({ current, address }: { current: boolean; address: string }) => [current, address])).toEqual([
    [false, '127.0.0.1'],
    [true, '127.0.0.1'],
  ])
  expect(JSON.stringify(sessions)).not.toContain(phone.cookie.split('=')[1]?.split('.')[0])

  const isIn = async () => (await server.ask('nobody', 'GET', '/api/me', undefined, phone)).status
  expect(await isIn()).toBe(200)
  // nobody else's, not even with its id
  expectProblem(await server.ask('viewer', 'DELETE', `/api/me/sessions/${sessions[0].id}`), 404)
  expect((await lea.ask('DELETE', `/api/me/sessions/${sessions[0].id}`)).status).toBe(204)
  expect(await isIn()).toBe(401)

  phone.cookie = await signedIn(server.url, 'lea', password)
  expect((await lea.ask('DELETE', '/api/me/sessions')).body).toEqual({ ended: 1 })
  expect(await isIn()).toBe(401)
  expect((await lea.ask('GET', '/api/me')).status).toBe(200)

  phone.cookie = await signedIn(server.url, 'lea', password)
  const seen = (await server.ask('admin', 'GET', `/api/users/${lea.id}/sessions`)).body.sessions
  expect(seen).toHaveLength(2)
  await server.ask('admin', 'DELETE', `/api/users/${lea.id}/sessions/${seen[0].id}`)
  expect(await isIn()).toBe(401)
  expect((await server.ask('admin', 'DELETE', `/api/users/${lea.id}/sessions`)).body).toEqual({ ended: 1 })
  expectProblem(await lea.ask('GET', '/api/me'), 401)
})

describe('the audit log', () => {
  const entries = async (query: string) => (await server.ask('admin', 'GET', `/api/audit?${query}`)).body.entries

  test('says who did what, from where, and never a secret', async () => {
    const zoe = await newcomer('zoe', 'admin')
    await zoe.ask('POST', '/api/hosts', { name: `audited-${process.pid}` })
    const { token, id } = (await zoe.ask('POST', '/api/tokens', { name: 'phone', role: 'admin' })).body
    await trySignIn('zoe', 'a wrong password')
    await trySignIn('my.secret.typed', 'x')
    await zoe.ask('POST', '/api/me/password', { current_password: password, new_password: 'battery staple' })
    await zoe.ask('POST', '/api/auth/sign-out', {})

    const [end, changed, made, host] = await entries(`user_id=${zoe.id}`)
    expect(end).toMatchObject({ action: 'session.end', user_name: 'zoe', by_token: false, address: '127.0.0.1' })
    expect(changed).toMatchObject({ action: 'user.password', resource: 'user', resource_id: zoe.id })
    expect(made).toMatchObject({ action: 'token.create', resource_id: id, detail: { name: 'phone', role: 'admin' } })
    expect(host).toMatchObject({ action: 'host.create', detail: { name: `audited-${process.pid}` } })
    const refused = await entries('action=session.refuse&limit=2')
    expect(refused).toMatchObject([
      { user_name: '', resource_id: '', detail: { username: 'unknown' } },
      { user_name: '', resource_id: zoe.id, detail: { username: 'zoe' } },
    ])
    const everything = JSON.stringify(await entries('limit=500')) + server.logged()
    for (const secret of [password, 'battery staple', 'a wrong password', 'my.secret.typed', token])
      expect(everything).not.toContain(secret)
  })

  test('is read page by page, and by what it is about', async () => {
    const first = (await server.ask('admin', 'GET', '/api/audit?action=user&limit=2')).body
    expect(first.entries).toHaveLength(2)
    const next = (await server.ask('admin', 'GET', `/api/audit?action=user&limit=2&cursor=${first.next_cursor}`)).body
    expect(next.entries[0].id).toBeLessThan(first.entries[1].id)
    expect(first.entries.every(({ action }: { action: string }) => action.startsWith('user.'))).toBe(true)
    expect(await entries('resource=nothing')).toEqual([])
  })
})

async function freshServer() {
  const { makeTestDatabase } = await import('db/testing/database')
  const database = await makeTestDatabase(inject('serverUrl'))
  const { url, stop } = await startOn(database.url)
  return {
    url,
    async [Symbol.asyncDispose]() {
      await stop()
      await database.drop()
    },
  }
}

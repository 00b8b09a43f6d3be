import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { signedIn, startOn } from './testing/server.ts'

type Server = Awaited<ReturnType<typeof startOn>>

let database: TestDatabase
let servers: Server[]

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  servers = await Promise.all([startOn(database.url), startOn(database.url)])
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  await database.drop()
})

const password = 'correct horse battery'

function setUp(url: string, username: string, changes: object = {}) {
  return fetch(`${url}/api/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ username, email: `${username}@example.org`, password, ...changes }),
  })
}

test('before there is a user: setup is needed, and nothing else is open', async () => {
  const [{ url }] = servers as [Server]
  expect(await (await fetch(`${url}/api/setup`)).json()).toEqual({ needed: true })
  expect((await fetch(`${url}/api/jobs`)).status).toBe(401)
})

test.each([
  [{ password: 'short' }, 'password', /at least 8 characters/],
  [{ username: 'a b' }, 'username', /3 to 30 letters/],
  [{ username: 'admin\0' }, 'username', /3 to 30 letters/],
  [{ email: 'nobody' }, 'email', /e-mail address/],
])('%j is refused by name', async (changes, field, detail) => {
  const answer = await setUp((servers as [Server])[0].url, 'ada', changes)
  expect(answer.status).toBe(422)
  const { errors } = (await answer.json()) as any
  expect(errors).toEqual([{ field, detail: expect.stringMatching(detail) }])
})

test('of many who set up at the same time, on two servers, one becomes the admin and is signed in', async () => {
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, index) => setUp(servers[index % 2]?.url ?? '', `person${index}`)),
  )
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 201)).toHaveLength(1)
  expect(statuses.filter((status) => status === 409)).toHaveLength(23)
  const winner = answers.find(({ status }) => status === 201)
  const { user } = (await winner?.json()) as any
  expect(user.role).toBe('admin')
  const cookie = winner?.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const me = await fetch(`${servers[1]?.url}/api/me`, { headers: { cookie } })
  expect(((await me.json()) as any).user).toEqual(user)
  expect(await database.sql`select role from auth."user"`).toEqual([{ role: 'admin' }])
  expect(await (await fetch(`${servers[0]?.url}/api/setup`)).json()).toEqual({ needed: false })

  const late = answers.find(({ status }) => status === 409)
  expect(await late?.json()).toMatchObject({ detail: expect.stringMatching(/has been set up already. Sign in/) })
})

test('from the environment: one admin, one token, one host, however often and from however many servers', async () => {
  const database = await makeTestDatabase(inject('serverUrl'))
  const token = 'a-token-from-the-environment-0123456789'
  const hostName = `env-${process.pid}`
  const settings = {
    ADMIN_USERNAME: 'ada',
    ADMIN_EMAIL: 'ada@example.org',
    ADMIN_PASSWORD: password,
    API_TOKEN: token,
    HOST_NAME: hostName,
    AGENT_PASSWORD: 'agent password of the tests',
  }
  const both = await Promise.all([startOn(database.url, settings), startOn(database.url, settings)])
  const again = await startOn(database.url, { ...settings, ADMIN_PASSWORD: 'another password' })
  const status = async (url: string, token: string) =>
    (await fetch(`${url}/api/hosts`, { headers: { authorization: `Bearer ${token}` } })).status
  try {
    expect(await database.sql`select username, role from auth."user"`).toEqual([{ username: 'ada', role: 'admin' }])
    expect(JSON.stringify(await database.sql`select * from auth.apikey`)).not.toContain(token)
    const { hosts } = (await (
      await fetch(`${both[0].url}/api/hosts`, { headers: { authorization: `Bearer ${token}` } })
    ).json()) as any
    expect(hosts).toMatchObject([{ name: hostName, online: false }])
    // the password a person may have changed since is left alone
    await signedIn(again.url, 'ada', password)
    for (const server of [...both, again]) {
      expect(server.logged()).not.toContain(token)
      expect(server.logged()).not.toContain(password)
    }
    const renewed = await startOn(database.url, { ...settings, API_TOKEN: token.toUpperCase() })
    expect(await status(renewed.url, token.toUpperCase())).toBe(200)
    expect(await status(again.url, token)).toBe(401)
    await renewed.stop()
  } finally {
    await Promise.all([...both, again].map((server) => server.stop()))
    await database.drop()
  }
})

test('API_TOKEN alone waits for the admin', async () => {
  const database = await makeTestDatabase(inject('serverUrl'))
  const server = await startOn(database.url, { API_TOKEN: 'x'.repeat(40) })
  const ask = () => fetch(`${server.url}/api/me`, { headers: { authorization: `Bearer ${'x'.repeat(40)}` } })
  expect((await ask()).status).toBe(401)
  expect((await setUp(server.url, 'ada')).status).toBe(201)
  expect((await (await ask()).json()) as any).toMatchObject({ user: { username: 'ada', role: 'admin' } })
  await server.stop()
  await database.drop()
})

test('behind TLS the cookie is Secure, and pages of BASE_URL are ours', async () => {
  const database = await makeTestDatabase(inject('serverUrl'))
  const server = await startOn(database.url, { BASE_URL: 'https://backup.example.org' })
  const answer = await fetch(`http://127.0.0.1:${server.port}/api/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: 'https://backup.example.org' },
    body: JSON.stringify({ username: 'ada', email: 'ada@example.org', password }),
  })
  expect(answer.status).toBe(201)
  expect(answer.headers.getSetCookie()[0]).toMatch(/^__Secure-better-auth\.session_token=.*; Secure/)
  await server.stop()
  await database.drop()
})

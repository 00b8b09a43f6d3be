import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expectProblem } from '../testing/problems.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
})

afterAll(async () => {
  await server.stop()
})

describe('who may do what', () => {
  test('a change of role counts at once, for sessions and tokens alike', async () => {
    const { body } = await server.ask('admin', 'GET', '/api/users')
    const { id } = body.users.find((user: { username: string }) => user.username === 'operator')
    await server.ask('admin', 'PATCH', `/api/users/${id}`, { role: 'viewer' })
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
    await server.ask('admin', 'PATCH', `/api/users/${id}`, { role: 'operator' })
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
    expectProblem(await server.ask('nobody', 'DELETE', '/api/archives/999', undefined, weak), 403)
  })
})

test('a session’s token is worth nothing without our signature', async () => {
  const cookie = server.headersOf('admin')['cookie'] ?? ''
  const [name = '', value = ''] = cookie.split(/=(.*)/s)
  const [token = '', signature = ''] = decodeURIComponent(value).split(/\.(?=[^.]*$)/)
  const ask = (text: string) =>
    server.ask('nobody', 'GET', '/api/me', undefined, { cookie: `${name}=${encodeURIComponent(text)}` })
  expect((await ask(`${token}.${signature}`)).status).toBe(200)
  const other = createHmac('sha256', 'another key').update(token).digest('base64')
  for (const text of [token, `${token}.`, `${token}.${other}`, `.${signature}`, `${token}x.${signature}`, '.', ''])
    expectProblem(await ask(text), 401, /Sign in first/)
})

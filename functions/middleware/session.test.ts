import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expectProblem } from '../testing/problems.ts'
import { startTestServer, type Actor, type TestServer } from '../testing/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
})

afterAll(async () => {
  await server.stop()
})

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
    expectProblem(await server.ask('nobody', 'DELETE', '/api/archives/999', undefined, weak), 403)
  })
})

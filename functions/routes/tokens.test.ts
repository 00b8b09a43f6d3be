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

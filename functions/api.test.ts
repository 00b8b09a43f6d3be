// The client that the pages use, typed by the API itself: what compiles here is what they may write.
import { hc } from 'hono/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Api } from './api.ts'
import { startTestServer, type TestServer } from './testing/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
})

afterAll(() => server.stop())

test('a typed client asks with fields that are checked and reads rows as they are stored', async () => {
  const { api } = hc<Api>(server.url, { headers: server.headersOf('admin') })
  const listed = await (await api.jobs.$get({ query: { limit: '5', status: 'failed' } })).json()
  const seen: { jobs: { id: number; created_at: string }[]; next_cursor: string | null } = listed
  expect(seen).toEqual({ jobs: [], next_cursor: null })

  const made = await api.hosts.$post({ json: { name: `typed-${process.pid}` } })
  const { host, password } = await made.json()
  expect([made.status, host.name, password.length]).toEqual([201, `typed-${process.pid}`, 32])

  const answer = await api.archives[':id'].$get({ param: { id: '999' } })
  expect(answer.status).toBe(404)
  // @ts-expect-error an archive's mode is stop, pause or live
  expect((await api.archives.$post({ json: { name: 'a', stack_ids: [1], mode: 'kill' } })).status).toBe(422)
})

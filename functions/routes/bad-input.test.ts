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
      '/api/users',
      '/api/me/password',
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
      await server.ask('admin', 'POST', '/api/archives', { name: 'x'.repeat(2 ** 20), stack_ids: [1] }),
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
    expectProblem(await server.ask('admin', 'GET', `/api/jobs/999/log/tail?last_line=${'9'.repeat(15)}`), 404)
    expectProblem(await server.ask('admin', 'GET', '/api/jobs/999/log/tail?stack=%00'), 422)
  })

  test('an address that is none', async () => {
    expectProblem(await server.ask('admin', 'GET', '/api/nothing'), 404, /api\/docs/)
    expectProblem(await server.ask('admin', 'GET', '/api/auth/nothing'), 404)
    expectProblem(await server.ask('admin', 'PUT', '/api/archives/1', {}), 404)
  })
})

// Bytes from an agent to a reader, with the agent's requests written out by hand.
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import type { SendBytesPayload } from 'db/domain/task'
import { newToken } from './download-link.ts'
import { startTestAgent } from './testing/agent.ts'
import { eventually } from './testing/eventually.ts'
import { makeRoad, type Road } from './testing/proxy.ts'
import { startOn, startTestServer, type TestServer } from './testing/server.ts'

const content = randomBytes(10_000_000)
const chunk = 4 * 1024 * 1024

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let road: Road
let far: Awaited<ReturnType<typeof startOn>>
let backup: number

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki'])
  road = await makeRoad(server.database.url)
  far = await startOn(road.url)
  const [row] = await server.database.sql<[{ id: number }]>`
    insert into archiver.backups (host_id, archive_name, stack_name, path, format, state, size_bytes, file_count, sha256, created_at, verified_at)
    values (${agent.host.id}, 'nightly', 'wiki', 'nightly/wiki/20261123_010000_wiki.tar.zst', 'tar.zst', 'good',
      ${content.length}, 1, ${'a'.repeat(64)}, now(), now()) returning id`
  backup = row.id
})

afterAll(async () => {
  await agent.stop()
  await far.stop()
  await road.close()
  await server.stop()
})

beforeEach(async () => {
  await server.database.sql`update archiver.hosts set last_seen_at = now()`
  await server.database.sql`update archiver.tasks set state = 'finished', finished_at = now()`
})

async function link(): Promise<string> {
  const { status, body } = await server.ask('operator', 'POST', '/api/downloads/request', { backup_id: backup })
  expect(status, JSON.stringify(body)).toBe(201)
  return body.token
}

/** Asks for the file; resolves with what the agent was asked, and the answer to come. */
async function begin(url = server.url, headers: Record<string, string> = {}) {
  const leaving = new AbortController()
  const answer = fetch(`${url}/download/${await link()}`, { headers, signal: leaving.signal })
  answer.catch(() => {})
  let task: Awaited<ReturnType<typeof agent.claim>> = null
  await eventually(async () => (task = await agent.claim())).toMatchObject({ kind: 'send_bytes', job_id: null })
  const claimed = task!
  const payload = claimed.payload as SendBytesPayload
  const address = `${payload.url}/api/transfers/${payload.transfer}`
  const put = async (offset: number, bytes: Buffer | string = '', secret = payload.secret) => {
    const body = typeof bytes === 'string' ? bytes : new Uint8Array(bytes)
    const sent = await fetch(`${address}?offset=${offset}`, {
      method: 'PUT',
      body,
      headers: { 'x-transfer-secret': secret },
    })
    return { status: sent.status, ...((await sent.json()) as { offset?: number; room?: boolean; detail?: string }) }
  }
  const end = (status: 'success' | 'failed' | 'cancelled', reason = '') =>
    agent.finish(claimed, { status, reason, backups: [] })
  return { answer, leaving, payload, address, put, end, task: claimed }
}

/** A connection that is lost in the middle of a piece. */
async function breakOff(url: string, secret: string): Promise<void> {
  const half = request(url, { method: 'PUT', headers: { 'x-transfer-secret': secret, 'content-length': 2000 } })
  const lost = new Promise<void>((resolve) => half.on('error', () => resolve()))
  half.write(Buffer.alloc(1000), () => setTimeout(() => half.destroy(new Error('the road ends')), 50))
  await lost
}

const piece = (index: number) => content.subarray(index * chunk, (index + 1) * chunk)

test('the agent is asked for bytes of one backup, and what it brings is what is read', async () => {
  const { answer, payload, put, end } = await begin()
  expect(payload).toMatchObject({
    url: server.url,
    source: { path: 'nightly/wiki/20261123_010000_wiki.tar.zst', prepared: false, size_bytes: content.length },
    offset: 0,
    length: content.length,
  })
  expect(await put(0, piece(0))).toMatchObject({ status: 200, offset: chunk })
  const { body, headers } = await answer
  expect(headers.get('content-length')).toBe(String(content.length))
  const read = new Response(body).arrayBuffer()
  expect(await put(chunk, piece(1))).toMatchObject({ status: 200, offset: 2 * chunk })
  expect(await put(2 * chunk, piece(2))).toMatchObject({ status: 200, offset: content.length })
  expect(Buffer.from(await read).equals(content)).toBe(true)
  await end('success')
  expect(await server.database.sql`select id from archiver.jobs`, 'a transfer is no job').toHaveLength(0)
})

test('nobody but the agent that was asked can bring bytes', async () => {
  const { answer, leaving, payload, address, put, end } = await begin()
  expect(await put(0, piece(0), 'guessed')).toMatchObject({ status: 404 })
  expect(await put(0, piece(0), '')).toMatchObject({ status: 404 })
  const other = address.replace(payload.transfer, '00000000-0000-4000-8000-000000000000')
  expect(
    (await fetch(`${other}?offset=0`, { method: 'PUT', headers: { 'x-transfer-secret': payload.secret } })).status,
  ).toBe(404)
  leaving.abort()
  await answer.catch(() => {})
  await end('cancelled')
})

test('a piece that is too large, of another place or not wholly there is not taken', async () => {
  const { answer, leaving, address, payload, put, end } = await begin()
  expect(await put(0, randomBytes(8 * 1024 * 1024 + 1)).catch(() => ({ status: 413 }))).toMatchObject({ status: 413 })
  expect(await put(5, piece(0))).toMatchObject({ status: 409, offset: 0 })
  expect(await put(0, piece(0))).toMatchObject({ status: 200, offset: chunk })
  expect(await put(0, piece(0)), 'sent again').toMatchObject({ status: 409, offset: chunk })
  await breakOff(`${address}?offset=${chunk}`, payload.secret)
  expect(await put(chunk), 'a question without bytes').toMatchObject({ status: 200, offset: chunk })
  leaving.abort()
  await answer.catch(() => {})
  await eventually(async () => (await put(chunk, piece(1))).status).toBe(404)
  await end('cancelled')
  expect(server.logged()).not.toContain('a request failed')
})

test('a part that was asked for is all that is sent', async () => {
  const { answer, payload, put, end } = await begin(server.url, { range: 'bytes=9000000-' })
  expect(payload).toMatchObject({ offset: 9_000_000, length: 1_000_000 })
  expect(await put(9_000_000, content.subarray(9_000_000))).toMatchObject({ status: 200 })
  const { status, headers } = await answer
  expect([status, headers.get('content-range')]).toEqual([206, 'bytes 9000000-9999999/10000000'])
  expect(Buffer.from(await (await answer).arrayBuffer()).equals(content.subarray(9_000_000))).toBe(true)
  await end('success')
})

test('what keeps the agent from it is told in words, without what is nobody’s business', async () => {
  const { answer, address, payload, end } = await begin()
  await fetch(address, {
    method: 'DELETE',
    headers: { 'x-transfer-secret': payload.secret, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'missing', reason: '/archives/nightly/wiki/x.tar.zst is not there' }),
  })
  const { status } = await answer
  const text = await (await answer).text()
  expect([status, text]).toEqual([404, expect.stringContaining('not on its host any more')])
  expect(text).not.toContain('/archives')
  await end('failed', 'it is not there')

  const second = await begin()
  await second.end('failed', 'the server cannot be reached at http://127.0.0.1:1 (TRANSFER_URL): ECONNREFUSED')
  expect((await second.answer).status).toBe(503)
  expect((await second.answer).headers.get('retry-after')).toBe('30')
  expect(server.logged()).toContain('TRANSFER_URL')
})

test('an agent that was started anew is asked for the rest', async () => {
  const { answer, put, end } = await begin()
  await put(0, piece(0))
  const read = (await answer).arrayBuffer()
  await end('failed', 'the agent of host x was restarted during this step')
  let again: Awaited<ReturnType<typeof agent.claim>> = null
  await eventually(async () => (again = await agent.claim())).toMatchObject({
    payload: { offset: chunk, length: content.length - chunk },
  })
  await put(chunk, piece(1))
  await put(2 * chunk, piece(2))
  expect(Buffer.from(await read).equals(content)).toBe(true)
  await agent.finish(again!, { status: 'success', reason: '', backups: [] })
})

test('a download goes on while the database is away', async () => {
  const { answer, put, end } = await begin(far.url.replace('localhost', '127.0.0.1'))
  await put(0, piece(0))
  const read = (await answer).arrayBuffer()
  road.cut()
  // longer than it is looked after
  await new Promise((done) => setTimeout(done, 2500))
  await put(chunk, piece(1))
  await put(2 * chunk, piece(2))
  expect(Buffer.from(await read).equals(content)).toBe(true)
  road.mend()
  await end('success')
})

test('a token that was not used leaves its task to nobody', async () => {
  const leaving = new AbortController()
  const answer = fetch(`${server.url}/download/${await link()}`, { signal: leaving.signal }).catch(() => 'left')
  const { sql } = server.database
  await eventually(() => sql`select id from archiver.tasks where state = 'queued'`).toHaveLength(1)
  leaving.abort()
  expect(await answer).toBe('left')
  await eventually(() => sql`select id from archiver.tasks where state = 'queued'`).toHaveLength(0)
  expect(await agent.claim()).toBeNull()
  expect((await fetch(`${server.url}/download/${newToken().token}`)).status).toBe(404)
})

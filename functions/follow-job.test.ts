import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { bad, good, startTestAgent } from './testing/agent.ts'
import { readEvents, type StreamEvent } from './testing/events.ts'
import { makeRoad, type Road } from './testing/proxy.ts'
import { startOn, startTestServer, type TestServer } from './testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let road: Road
let second: Awaited<ReturnType<typeof startOn>>
let archive = 0

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki', 'shop'])
  const { stacks } = (await server.ask('admin', 'GET', '/api/stacks')).body
  archive = (
    await server.ask('admin', 'POST', '/api/archives', {
      name: 'nightly',
      stack_ids: stacks.map((stack: any) => stack.id),
    })
  ).body.archive.id
  // a second machine, whose road to the database can be cut
  road = await makeRoad(server.database.url)
  second = await startOn(road.url)
})

afterAll(async () => {
  await agent.stop()
  await second.stop()
  await road.close()
  await server.stop()
})

async function run(): Promise<number> {
  return (await server.ask('operator', 'POST', `/api/archives/${archive}/run`)).body.job_id
}

/** Both stacks of the job, by the agent: one line each, and these outcomes. */
async function work(outcomes = [good, good]) {
  for (const outcome of outcomes) {
    const task = await agent.claim()
    if (!task) throw new Error('there is no task')
    await agent.log(task, `archiving ${'stack' in task.payload ? task.payload.stack.name : ''}`)
    await agent.finish(task, outcome)
  }
}

function follow(
  id: number,
  options: { at?: string; headers?: Record<string, string>; query?: string; signal?: AbortSignal } = {},
) {
  const { at = server.url, headers = {}, query = '', signal } = options
  return readEvents(`${at}/api/jobs/${id}/events${query}`, { ...server.headersOf('viewer'), ...headers }, signal)
}

async function all(events: AsyncIterable<StreamEvent>, read: StreamEvent[] = []): Promise<StreamEvent[]> {
  for await (const event of events) read.push(event)
  return read
}

const linesIn = (events: StreamEvent[]) => events.filter(({ event }) => event === 'log')
const upTo = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

describe('following a job', () => {
  test('shows every line once and in order, the status as it changes, and the end', async () => {
    const id = await run()
    const seen: StreamEvent[] = []
    const following = all(follow(id), seen)
    await eventually(() => seen.length).toBeGreaterThan(0)
    await work()
    const events = await following
    expect(linesIn(events).map(({ id }) => id)).toEqual(upTo(linesIn(events).length))
    const texts = linesIn(events).map(({ data }) => data.text)
    expect(texts).toEqual([
      expect.stringMatching(/^Phase 0: archive "nightly"/),
      'archiving shop',
      'archiving wiki',
      'Phase 2: retention keeps 7 days (all of each day), 4 weeks, 6 months, 2 years',
      expect.stringMatching(/^Phase 2: stack shop: 1 backup kept, 0 removed/),
      expect.stringMatching(
        /^Phase 3: 2 of 2 stacks archived, 2 backups of 6\.00 MiB in .* s, stopped for 5\.0 s in all$/,
      ),
      expect.stringMatching(/^Phase 3: disk of host .*: 500 bytes of 1000 bytes used \(50 %\), 500 bytes free$/),
      'Phase 3: the job has ended: success',
    ])
    expect(linesIn(events)[1]?.data).toEqual({
      line: 2,
      at: expect.any(String),
      level: 'info',
      text: 'archiving shop',
      stack_name: 'shop',
    })
    const statuses = events.filter(({ event }) => event === 'status')
    expect(statuses[0]).toMatchObject({
      id: undefined,
      data: { job: { status: 'queued' }, metrics: [{ stack_name: 'shop' }, { stack_name: 'wiki' }] },
    })
    expect(statuses.at(-1)?.data.job).toMatchObject({ status: 'success', total_size_bytes: 6 * 1024 * 1024 })
    expect(events.at(-1)?.event).toBe('end')
  })

  test('resumes after the last line that was seen, by Last-Event-ID or by last_line', async () => {
    const id = await run()
    await work()
    const complete = linesIn(await all(follow(id)))
    for (const seen of [1, 3, complete.length]) {
      const rest = complete.slice(seen).map(({ data }) => data)
      expect(
        linesIn(await all(follow(id, { headers: { 'last-event-id': String(seen) } }))).map(({ data }) => data),
      ).toEqual(rest)
      expect(linesIn(await all(follow(id, { query: `?last_line=${seen}` }))).map(({ data }) => data)).toEqual(rest)
    }
    // what EventSource reports wins over the address it was made with
    expect(linesIn(await all(follow(id, { headers: { 'last-event-id': '4' }, query: '?last_line=0' })))).toHaveLength(
      complete.length - 4,
    )
    // lines nobody wrote are not waited for
    expect((await all(follow(id, { headers: { 'last-event-id': '999999' } }))).at(-1)?.event).toBe('end')
    expect(linesIn(await all(follow(id, { headers: { 'last-event-id': 'x' } })))).toHaveLength(complete.length)
  })

  test('an EventSource that is cut off again and again loses and repeats nothing', async () => {
    const id = await run()
    const task = await agent.claim()
    if (!task) throw new Error('there is no task')
    const seen: string[] = []
    let finished = false
    const watching = (async () => {
      while (!finished) {
        const cut = new AbortController()
        for await (const { event, id: line } of follow(id, {
          headers: { 'last-event-id': seen.at(-1) ?? '' },
          signal: cut.signal,
        })) {
          if (event === 'end') finished = true
          if (line) seen.push(line)
          if (line && Number(line) % 7 === 0) cut.abort()
          if (cut.signal.aborted) break
        }
      }
    })()
    for (let batch = 0; batch < 20; batch++)
      await agent.log(task, ...Array.from({ length: 5 }, (_, index) => `line ${batch}.${index}`))
    await agent.finish(task, good)
    await work([good])
    await watching
    expect(seen).toEqual(upTo(seen.length))
    expect(seen.length).toBe(1 + 100 + 1 + 5)
  })

  test('a long log comes whole', async () => {
    const id = await run()
    const task = await agent.claim()
    if (!task) throw new Error('there is no task')
    await agent.log(task, ...Array.from({ length: 5000 }, (_, index) => `file ${index}`))
    await agent.finish(task, good)
    await work([good])
    expect(linesIn(await all(follow(id))).map(({ id }) => id)).toEqual(upTo(5007))

    const file = await fetch(`${server.url}/api/jobs/${id}/log`, { headers: server.headersOf('viewer') })
    expect(file.headers.get('content-disposition')).toBe(`attachment; filename="job-${id}.log"`)
    const text = await file.text()
    expect(text.split('\n')).toHaveLength(5008)
    expect(text).toMatch(/^\d{4}-.*Z info {2}Phase 0/)
    expect(text).toMatch(/Z info {2}shop: file 4999\n/)
    const ofWiki = await server.ask('viewer', 'GET', `/api/jobs/${id}/log?stack=wiki`)
    expect(ofWiki.body).toMatch(/^\S+ info {2}wiki: archiving wiki\n$/)

    let last = 0
    let lines = 0
    for (let complete = false; !complete;) {
      const { body } = await server.ask('viewer', 'GET', `/api/jobs/${id}/log/tail?last_line=${last}&limit=2000`)
      expect(body.lines[0]?.line ?? last + 1).toBe(last + 1)
      ;({ last_line: last, complete } = body)
      lines += body.lines.length
    }
    expect(lines).toBe(5007)
  })

  test('from two servers at once shows the same', async () => {
    const id = await run()
    const both = Promise.all([all(follow(id)), all(follow(id, { at: second.url }))])
    await work([good, bad])
    const [here, there] = await both
    expect(linesIn(there).map(({ data }) => data)).toEqual(linesIn(here).map(({ data }) => data))
    expect(here.findLast(({ event }) => event === 'status')?.data.job).toMatchObject({
      status: 'failed',
      reason: 'wiki: the disk is full',
    })
    expect(linesIn(here).map(({ data }) => `${data.level} ${data.text}`)).toEqual(
      expect.arrayContaining([
        'error Phase 3: stack wiki: failed, the disk is full',
        'error Phase 3: the job has ended: failed',
      ]),
    )
  })

  test('goes on, on the same connection, when the database comes back', async () => {
    const id = await run()
    const seen: StreamEvent[] = []
    const watching = all(follow(id, { at: second.url }), seen)
    await eventually(() => linesIn(seen).length).toBe(1)

    road.cut()
    await work()
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(second.url + path, {
        ...init,
        headers: { ...server.headersOf('viewer'), 'content-type': 'application/json' },
      })
    const byToken = () => fetch(`${second.url}/api/jobs`, { headers: server.headersOf('viewer token') })
    const signIn = () =>
      fetch(`${second.url}/api/auth/sign-in/username`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"username":"viewer","password":"correct horse battery"}',
      })
    for (const answer of [await ask('/api/jobs'), await byToken(), await signIn(), await ask('/api/setup')]) {
      expect(answer.status).toBe(503)
      expect(await answer.json()).toMatchObject({
        title: 'Service Unavailable',
        detail: expect.stringMatching(/database does not answer/),
      })
      expect(answer.headers.get('retry-after')).toBe('5')
    }
    const health = await ask('/health')
    expect(health.status).toBe(503)
    expect(await health.json()).toEqual({
      status: 'failing',
      problems: expect.arrayContaining(['The database does not answer']),
    })

    road.mend()
    await watching
    expect(linesIn(seen).map(({ id }) => id)).toEqual(upTo(8))
    expect(seen.at(-1)?.event).toBe('end')
    await eventually(async () => (await ask('/health')).status).toBe(200)
    expect((await ask('/api/jobs')).status).toBe(200)
  })
})

describe('following changes', () => {
  test('names what changed, anywhere, without log lines; bursts are merged', async () => {
    const cut = new AbortController()
    const seen: any[] = []
    const watching = (async () => {
      for await (const { event, data } of readEvents(
        `${second.url}/api/events`,
        server.headersOf('viewer'),
        cut.signal,
      ))
        seen.push({ event, ...data })
    })()
    // first of all: read everything
    await eventually(() => seen).toEqual([{ event: 'ready' }])
    seen.length = 0

    await server.ask('admin', 'PATCH', `/api/archives/${archive}`, { level: 4 })
    await eventually(() => seen).toContainEqual({ event: 'change', resource: 'archives', id: archive })
    const id = await run()
    const task = await agent.claim()
    if (!task) throw new Error('there is no task')
    for (let line = 0; line < 50; line++) await agent.log(task, `line ${line}`)
    await agent.finish(task, good)
    await work([good])
    await eventually(() => seen).toContainEqual({ event: 'change', resource: 'backups', id: null })
    await eventually(() => seen).toContainEqual({ event: 'change', resource: 'jobs', id })
    expect(seen.map(({ resource }) => resource)).not.toContain('log')
    expect(seen.filter((change) => change.resource === 'jobs').length).toBeLessThan(20)
    cut.abort()
    await watching
  })
})

test('a server that stops ends its streams and is gone', async () => {
  const third = await startOn(server.database.url)
  const id = await run()
  const seen: StreamEvent[] = []
  const watching = all(follow(id, { at: third.url }), seen)
  const changes = all(readEvents(`${third.url}/api/events`, server.headersOf('viewer')))
  await eventually(() => linesIn(seen).length).toBe(1)
  await third.stop()
  await watching
  await changes
  await expect(fetch(`${third.url}/health`)).rejects.toThrow()
  await work()
})

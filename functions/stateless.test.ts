// Nothing that lasts is kept in a process: requests may go to any server, or to none that runs.
import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { fetch as answer } from './api.ts'
import { good, startTestAgent } from './testing/agent.ts'
import { readEvents, type StreamEvent } from './testing/events.ts'
import { eventually } from './testing/eventually.ts'
import { startProcess } from './testing/process.ts'
import { roundRobin, type RoundRobin } from './testing/round-robin.ts'

let database: TestDatabase
let agent: Awaited<ReturnType<typeof startTestAgent>>
let processes: ReturnType<typeof startProcess>[]
let proxy: RoundRobin

const token = 't'.repeat(40)
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

// whole processes start here, which takes its time on a busy machine

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  agent = await startTestAgent(database, ['wiki'])
  const settings = {
    DATABASE_URL: database.url,
    ADMIN_USERNAME: 'ada',
    ADMIN_EMAIL: 'ada@example.org',
    ADMIN_PASSWORD: 'correct horse battery',
    API_TOKEN: token,
  }
  processes = [startProcess(settings), startProcess(settings)]
  proxy = await roundRobin(await Promise.all(processes.map((server) => server.url())))
})

afterAll(async () => {
  await proxy.close()
  for (const { child } of processes) child.kill('SIGTERM')
  await Promise.all(processes.map(({ exit }) => exit))
  await agent.stop()
  await database.drop()
})

async function runArchive(name: string): Promise<number> {
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(proxy.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(await response.text())
    return response.json() as Promise<any>
  }
  const { stacks } = await ask('GET', '/api/stacks')
  const { archive } = await ask('POST', '/api/archives', { name, stack_ids: [stacks[0].id] })
  return (await ask('POST', `/api/archives/${archive.id}/run`)).job_id
}

test('two server processes behind a round-robin: one session, and one job followed over both', async () => {
  const signIn = await fetch(`${proxy.url}/api/auth/sign-in/username`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: proxy.url },
    body: JSON.stringify({ username: 'ada', password: 'correct horse battery' }),
  })
  const cookie = signIn.headers
    .getSetCookie()
    .map((text) => text.split(';')[0])
    .join('; ')
  for (let asked = 0; asked < 6; asked++)
    expect((await fetch(`${proxy.url}/api/me`, { headers: { cookie } })).status).toBe(200)

  const id = await runArchive('followed')
  const task = await agent.claim()
  if (!task) throw new Error('there is no task')
  const lines: StreamEvent[] = []
  const streamedBy = new Set<number>()
  let status = ''
  let ended = false
  // as a browser's EventSource: comes back by itself, and says how far it was
  const watching = (async () => {
    while (!ended) {
      const last = lines.at(-1)?.id
      const begun = proxy.taken.length
      try {
        const resume = { cookie, ...(last !== undefined && { 'last-event-id': last }) }
        for await (const event of readEvents(`${proxy.url}/api/jobs/${id}/events`, resume)) {
          streamedBy.add(proxy.taken[begun] ?? -1)
          if (event.event === 'log') lines.push(event)
          if (event.event === 'status') status = event.data.job.status
          if (event.event === 'end') ended = true
        }
      } catch {
        // cut off in the middle
      }
    }
  })()
  for (let part = 0; part < 4; part++) {
    await agent.log(task, ...Array.from({ length: 25 }, (_, index) => `line ${part * 25 + index}`))
    await eventually(() => lines.length).toBeGreaterThanOrEqual(1 + (part + 1) * 25)
    proxy.cut()
  }
  await agent.finish(task, good)
  await watching
  expect(lines.map(({ id }) => Number(id))).toEqual(lines.map((_, index) => index + 1))
  expect(lines.filter(({ data }) => data.text.startsWith('line ')).map(({ data }) => data.text)).toEqual(
    Array.from({ length: 100 }, (_, index) => `line ${index}`),
  )
  expect(status).toBe('success')
  expect([...streamedBy].toSorted()).toEqual([0, 1])
})

test('the API answers as a function, without a server, from the environment alone', async () => {
  vi.stubEnv('DATABASE_URL', database.url)
  vi.stubEnv('SECRET_KEY', 'x'.repeat(40))
  vi.stubEnv('BASE_URL', '')
  vi.stubEnv('LOG_LEVEL', 'silent')
  vi.stubEnv('TZ', 'UTC')
  const ask = (path: string, init: RequestInit = {}) => answer(new Request(`https://archiver.example${path}`, init))

  expect(await (await ask('/health')).json()).toMatchObject({ status: 'ok' })
  expect((await ask('/api/jobs')).status).toBe(401)
  expect(await (await ask('/api/me', { headers })).json()).toMatchObject({ user: { username: 'ada', role: 'admin' } })
  const signIn = await ask('/api/auth/sign-in/username', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      origin: 'https://archiver.example',
      'x-forwarded-for': '198.51.100.7',
    },
    body: JSON.stringify({ username: 'ada', password: 'correct horse battery' }),
  })
  expect(signIn.status).toBe(200)
  const cookie = signIn.headers
    .getSetCookie()
    .map((text) => text.split(';')[0])
    .join('; ')
  expect((await ask('/api/me', { headers: { cookie } })).status).toBe(200)
  const audit = await ask('/api/audit?action=session.begin&limit=1', { headers })
  expect(await audit.json()).toMatchObject({ entries: [{ address: '198.51.100.7' }] })

  // live events too: a connection that listens is opened for whoever follows
  const id = await runArchive('as a function')
  const task = await agent.claim()
  if (!task) throw new Error('there is no task')
  const response = await ask(`/api/jobs/${id}/events`, { headers })
  let text = ''
  const reading = (async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk
  })()
  await eventually(() => text).toContain('"running"')
  await agent.log(task, 'seen at once')
  await eventually(() => text).toContain('seen at once')
  const backup = good.backup && { ...good.backup, path: 'as_a_function/wiki/1.tar.zst' }
  await agent.finish(task, { ...good, backup })
  await reading
  expect(text).toMatch(/event: end\n/)
  vi.unstubAllEnvs()
})

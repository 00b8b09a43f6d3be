// A server of its own for a test file: real HTTP on a free port of the loopback address, a database of its own, people of every role.
import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { pino } from 'pino'
import { readConfig } from '../config.ts'
import { startServer } from '../server.ts'

export type Actor = 'nobody' | 'viewer' | 'operator' | 'admin' | 'viewer token' | 'operator token' | 'admin token'
type Person = 'viewer' | 'operator' | 'admin'

export interface Answer {
  status: number
  headers: Headers
  body: any
}

export interface TestServer {
  url: string
  database: TestDatabase
  /** What the server logged so far, one JSON line each. */
  logged(): string
  /** Sends JSON as this actor, from a page of the server's own where it is a person. */
  ask(actor: Actor, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  headersOf(actor: Actor): Record<string, string>
  stop(): Promise<void>
}

const password = 'correct horse battery'

/** One more server on `database`, as a second machine would run it; nobody is signed in. */
export async function startOn(databaseUrl: string, settings: Record<string, string> = {}) {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const config = readConfig({
    DATABASE_URL: databaseUrl,
    SECRET_KEY: 'a secret of the tests, 32 letters or more',
    HOST: '127.0.0.1',
    PORT: '0',
    TZ: 'Europe/Berlin',
    ...settings,
  })
  const server = await startServer(config, log, new AbortController().signal)
  return { ...server, logged: () => lines.join('') }
}

/** With people and tokens of each role, named after it. */
export async function startTestServer(serverUrl: string, settings: Record<string, string> = {}): Promise<TestServer> {
  const database = await makeTestDatabase(serverUrl)
  const server = await startOn(database.url, {
    ADMIN_USERNAME: 'admin',
    ADMIN_EMAIL: 'admin@example.org',
    ADMIN_PASSWORD: password,
    ...settings,
  })
  const credentials = new Map<Actor, Record<string, string>>([['nobody', {}]])
  const signIn = async (person: Person) =>
    credentials.set(person, { cookie: await signedIn(server.url, person, password) })

  await signIn('admin')
  for (const person of ['viewer', 'operator'] as const) {
    await ask('admin', 'POST', '/api/users', {
      username: person,
      email: `${person}@example.org`,
      password,
      role: person,
    })
    await signIn(person)
  }
  for (const person of ['viewer', 'operator', 'admin'] as const) {
    const { body } = await ask(person, 'POST', '/api/tokens', { name: `of ${person}`, role: person })
    credentials.set(`${person} token`, { authorization: `Bearer ${body.token}` })
  }

  function headersOf(actor: Actor): Record<string, string> {
    return {
      ...credentials.get(actor),
      ...(actor.endsWith('token') || actor === 'nobody' ? {} : { origin: server.url }),
    }
  }

  async function ask(
    actor: Actor,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(server.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...headersOf(actor),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text,
    }
  }

  return {
    ...server,
    database,
    ask,
    headersOf,
    async stop() {
      await server.stop()
      await database.drop()
    },
  }
}

/** The cookie of a new session. */
export async function signedIn(url: string, username: string, password: string): Promise<string> {
  const response = await fetch(`${url}/api/auth/sign-in/username`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ username, password }),
  })
  if (!response.ok) throw new Error(`${username} cannot sign in: ${await response.text()}`)
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ')
}

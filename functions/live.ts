// What changes, as it changes: one connection a process listens to Postgres and tells everybody here who follows.
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from 'db/domain/errors'
import pg from 'pg'
import type { Logger } from 'pino'

export interface LiveEvent {
  resource: string
  id: number | null
}

/** Null: events may have been missed; read everything again. */
export type Follower = (event: LiveEvent | null) => void

export interface Live {
  /** The follower is called with null once we listen, and after every gap. Returns what ends it. */
  follow(follower: Follower): () => void
  close(): Promise<void>
}

const checkMilliseconds = 30_000

/** Nothing is opened before the first follower comes. Postgres may go and come back as often as it likes. */
export function makeLive(databaseUrl: string, log: Logger): Live {
  const followers = new Set<Follower>()
  const closing = new AbortController()
  let listening: Promise<void> | undefined
  let connected = false
  const tell: Follower = (event) => followers.forEach((follower) => follower(event))

  async function listenForever(): Promise<void> {
    for (let wait = 100; !closing.signal.aborted; wait = Math.min(wait * 2, 2000)) {
      await listenOnce(() => {
        connected = true
        wait = 50
      }).catch((error: unknown) => {
        if (!closing.signal.aborted) log.warn({ error: messageOf(error) }, 'live events are interrupted')
      })
      connected = false
      await sleep(wait, undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  async function listenOnce(begun: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: 'archiver live',
      connectionTimeoutMillis: 10_000,
      query_timeout: 10_000,
      keepAlive: true,
    })
    const { promise: lost, reject } = Promise.withResolvers<never>()
    lost.catch(() => {})
    const stop = () => reject(new Error('closing'))
    closing.signal.addEventListener('abort', stop)
    client.on('error', reject)
    client.on('end', () => reject(new Error('The connection to the database ended')))
    client.on('notification', ({ payload }) => tell(eventIn(payload)))
    // a connection that a router forgot looks open for ever
    let check: NodeJS.Timeout | undefined
    try {
      await Promise.race([client.connect(), lost])
      await client.query('listen archiver_events')
      check = setInterval(() => void client.query('select 1').catch(reject), checkMilliseconds)
      begun()
      tell(null)
      await lost
    } finally {
      clearInterval(check)
      closing.signal.removeEventListener('abort', stop)
      await client.end().catch(() => {})
    }
  }

  return {
    follow(follower) {
      followers.add(follower)
      listening ??= listenForever()
      if (connected) follower(null)
      return () => void followers.delete(follower)
    },
    async close() {
      closing.abort()
      await listening
    },
  }
}

function eventIn(payload = ''): LiveEvent | null {
  try {
    return JSON.parse(payload) as LiveEvent
  } catch {
    return null
  }
}

// The server's notices that rows have changed: one connection for the whole page. What is fetched once it is there misses
// nothing; after a gap everybody is told to fetch again.
import { openStream } from './stream.ts'

export type Resource =
  | 'jobs'
  | 'stacks'
  | 'hosts'
  | 'archives'
  | 'backups'
  | 'downloads'
  | 'mails'
  | 'settings'
  | 'users'
  | 'sessions'
  | 'tokens'
interface Change {
  resource: Resource
  id: number | null
}

/** Milliseconds that rows wait for the connection rather than being fetched twice. */
const patience = 300

class Events {
  /** True while the connection has been gone for more than a moment. */
  lost = $state(false)
  #listeners = new Set<(change: Change | 'everything') => void>()
  #begun = Promise.withResolvers<void>()
  #waiting: ReturnType<typeof setTimeout> | undefined

  /** Calls back at each change, and with 'everything' after a gap. Returns how to stop. */
  on(listener: (change: Change | 'everything') => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves when notices come, so that what is fetched then stays true; or when that takes too long. */
  begun(): Promise<void> {
    this.#waiting ??= setTimeout(() => this.#begun.resolve(), patience)
    return this.#begun.promise
  }

  start(): () => void {
    let ready = false
    const begins = performance.now()
    const close = openStream({
      address: () => '/api/events',
      on: {
        change: (data) => this.#tell(JSON.parse(data)),
        ready: () => {
          const inTime = !ready && performance.now() - begins < patience
          ready = true
          this.#begun.resolve()
          if (!inTime) this.#tell('everything')
        },
      },
      lost: (lost) => (this.lost = lost),
    })
    return () => {
      close()
      this.lost = false
      clearTimeout(this.#waiting)
      this.#waiting = undefined
      this.#begun = Promise.withResolvers<void>()
    }
  }

  #tell(change: Change | 'everything'): void {
    for (const listener of [...this.#listeners]) listener(change)
  }
}

export const events = new Events()

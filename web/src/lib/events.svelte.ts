// The server's notices that rows have changed: one connection for the whole page. After a gap everybody is
// told to fetch again, so that nothing is missed.
import { openStream } from './stream.ts'

export type Resource = 'jobs' | 'stacks' | 'hosts' | 'archives' | 'backups' | 'downloads' | 'mails' | 'settings'
interface Change {
  resource: Resource
  id: number | null
}

class Events {
  /** True while the connection has been gone for more than a moment. */
  lost = $state(false)
  #listeners = new Set<(change: Change | 'everything') => void>()

  /** Calls back at each change, and with 'everything' after a gap. Returns how to stop. */
  on(listener: (change: Change | 'everything') => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): () => void {
    let opened = false
    const close = openStream({
      address: () => '/api/events',
      on: { change: (data) => this.#tell(JSON.parse(data)) },
      opened: () => {
        if (opened) this.#tell('everything')
        opened = true
      },
      lost: (lost) => (this.lost = lost),
    })
    return () => {
      close()
      this.lost = false
    }
  }

  #tell(change: Change | 'everything'): void {
    for (const listener of [...this.#listeners]) listener(change)
  }
}

export const events = new Events()

// Event streams as `EventSource` reads them.
import type { Context } from 'hono'
import { stream } from 'hono/streaming'

const pingMilliseconds = 15_000
/** Then the browser comes back by itself, and who may read is looked at anew: a session may have ended. */
const longestMilliseconds = 15 * 60_000

export interface EventStream {
  /** Resolves when the client can take more. */
  send(text: string): Promise<unknown>
  /** Aborted when the client is gone, the server stops, or the stream has lasted long enough. */
  ended: AbortSignal
}

/** Answers with a stream that lasts as long as `work`, at most 15 min. A comment every 15 s keeps proxies from closing it. */
export function eventStream(c: Context, stopping: AbortSignal, work: (out: EventStream) => Promise<void>): Response {
  c.header('Content-Type', 'text/event-stream; charset=utf-8')
  c.header('Cache-Control', 'no-store, no-transform')
  c.header('X-Accel-Buffering', 'no')
  // nobody would read it, and it would never end
  if (c.req.method === 'HEAD') return c.body(null)
  return stream(c, async (raw) => {
    const gone = new AbortController()
    raw.onAbort(() => gone.abort())
    const ping = setInterval(() => void raw.write(': ping\n\n'), pingMilliseconds)
    try {
      // how long a browser waits before it comes back, in ms
      await raw.write('retry: 1000\n\n')
      await work({
        send: (text) => raw.write(text),
        ended: AbortSignal.any([gone.signal, stopping, AbortSignal.timeout(longestMilliseconds)]),
      })
    } finally {
      clearInterval(ping)
    }
  })
}

/** JSON has no line breaks of its own, so one `data` line is enough. */
export function eventText(event: string, data: unknown, id?: number): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
}

/** Holds what is new until somebody comes for it. */
export class News<Item> {
  readonly #items = new Set<Item>()
  #wake: () => void = () => {}

  tell(item: Item): void {
    this.#items.add(item)
    this.#wake()
  }

  /** All that came since the last time; empty when there is none. */
  take(): Set<Item> {
    const taken = new Set(this.#items)
    this.#items.clear()
    return taken
  }

  /** Resolves when there is something, or the signal ends the wait. */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.#items.size > 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        signal.removeEventListener('abort', this.#wake)
        resolve()
      }
      signal.addEventListener('abort', this.#wake)
    })
  }
}

// An EventSource that mends itself. The browser's own reconnecting gives up on some answers (a proxy's 502,
// a 401), and keeps a connection for every hidden tab though it allows only a few to one server.
import * as api from './api.ts'
import { asProblem } from './problem.ts'
import { session } from './session.svelte.ts'

/** Milliseconds before a lost connection is mentioned; a server's restart is shorter than people notice. */
const mentionAfter = 1500
/** Milliseconds a hidden tab keeps its connection. */
const keepHidden = 30_000

/** Milliseconds to wait before the nth attempt to connect again. */
const retryDelay = (attempt: number): number => Math.min(500 * 2 ** attempt, 8000)

interface Stream {
  /** Asked anew at each attempt, so that it can name the last line received. */
  address: () => string
  on: Record<string, (data: string) => void>
  /** Told true when the connection has been gone for more than a moment, false when it is back. */
  lost: (lost: boolean) => void
}

/** Opens the stream and keeps it open; returns how to close it. */
export function openStream({ address, on, lost }: Stream): () => void {
  let source: EventSource | null = null
  let attempt = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  let mention: ReturnType<typeof setTimeout> | undefined
  let hide: ReturnType<typeof setTimeout> | undefined

  function connect(): void {
    disconnect()
    source = new EventSource(address())
    source.onopen = () => {
      clearTimeout(mention)
      mention = undefined
      attempt = 0
      lost(false)
    }
    for (const [name, listener] of Object.entries(on)) {
      source.addEventListener(name, (event: MessageEvent<string>) => listener(event.data))
    }
    source.onerror = () => void reconnectLater()
  }

  async function reconnectLater(): Promise<void> {
    disconnect()
    mention ??= setTimeout(() => lost(true), mentionAfter)
    retry = setTimeout(connect, retryDelay(attempt++))
    try {
      await api.session.me()
    } catch (error) {
      if (asProblem(error).status === 401) await session.expire()
    }
  }

  function disconnect(): void {
    clearTimeout(retry)
    source?.close()
    source = null
  }

  function connectNow(): void {
    if (source?.readyState !== EventSource.OPEN) connect()
  }

  function onVisibility(): void {
    clearTimeout(hide)
    if (document.hidden) hide = setTimeout(disconnect, keepHidden)
    else connectNow()
  }

  document.addEventListener('visibilitychange', onVisibility)
  addEventListener('online', connectNow)
  connect()

  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    removeEventListener('online', connectNow)
    clearTimeout(hide)
    clearTimeout(mention)
    disconnect()
  }
}

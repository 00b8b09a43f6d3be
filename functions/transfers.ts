// Bytes on their way from a host's agent to somebody who downloads. The agent sends them in requests of its own, at most
// 8 MiB each; a request is answered once there is room for the next, so nobody's memory fills while a reader is slow.
import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'db/connect'
import { messageOf, Unreachable } from 'db/domain/errors'
import type { SendBytesPayload } from 'db/domain/task'
import { askForBytes, dropTransfer, outcomeOfTransfer } from 'db/queries/downloads'
import type { Logger } from 'pino'

/** Of one request of an agent, in bytes. */
export const largestChunk = 8 * 1024 * 1024
/** Until an agent has sent its first bytes, in ms. */
const firstPatience = 20_000
/** Without a word of the agent, in the middle; it may be started again meanwhile. */
const silencePatience = 90_000
/** A request that waits for room is answered by then, so that no proxy takes it for dead. */
const holdMilliseconds = 20_000
/** A reader that takes nothing for so long makes room for others; it can go on with a Range. */
const readerPatience = 5 * 60_000
const watchMilliseconds = 2_000
const mostAsks = 10

/** The file is not there, or not what it was: asking again is no use. */
export class FileTrouble extends Error {
  override name = 'FileTrouble'
  /** missing: there is no such file. */
  readonly kind: 'missing' | 'failed'
  constructor(kind: 'missing' | 'failed', message: string) {
    super(message)
    this.kind = kind
  }
}

export interface WantedBytes {
  host_id: number
  /** Of the host, for people. */
  host: string
  source: SendBytesPayload['source']
  offset: number
  length: number
}

/** What an agent is told: how far its bytes have come. 409: it is at another place. 410: nobody reads any more. */
export interface TransferAnswer {
  status: 200 | 409 | 410
  offset: number
  /** There is room for the next bytes. */
  room: boolean
}

export interface Transfers {
  /** Resolves once the first bytes are here. Throws Unreachable, FileTrouble, or the signal's reason. */
  open(wanted: WantedBytes, gone: AbortSignal): Promise<ReadableStream<Uint8Array>>
  /** Whether these are the id and secret of a transfer that is under way. */
  knows(id: string, secret: string): boolean
  /** Bytes from `offset` on; none: a question whether there is room. `gone`: the agent waits no longer. */
  take(id: string, offset: number, read: () => Promise<Uint8Array>, gone: AbortSignal): Promise<TransferAnswer>
  /** The agent cannot send them. */
  refuse(id: string, kind: 'missing' | 'failed', reason: string): void
}

interface Parts {
  sql: Sql
  log: Logger
  /** This very server's address for agents; undefined: there is none. */
  url: () => string | undefined
  stopping: AbortSignal
}

export function makeTransfers({ sql, log, url, stopping }: Parts): Transfers {
  const underWay = new Map<string, Transfer>()
  return {
    async open(wanted, gone) {
      const to = url()
      if (to === undefined) throw new Unreachable('This server has no address of its own for agents: set TRANSFER_URL')
      const transfer = new Transfer(wanted)
      underWay.set(transfer.id, transfer)
      const stop = () => transfer.end(new Error('the server is stopping'))
      const leave = () => transfer.end(gone.reason)
      stopping.addEventListener('abort', stop)
      gone.addEventListener('abort', leave)
      if (stopping.aborted) stop()
      if (gone.aborted) leave()
      void transfer.over
        .catch(() => {})
        .then(() => {
          underWay.delete(transfer.id)
          stopping.removeEventListener('abort', stop)
          gone.removeEventListener('abort', leave)
        })
      void watch(transfer, to, sql, log)
      await transfer.begun
      return transfer.stream()
    },
    knows: (id, secret) => {
      const transfer = underWay.get(id)
      return transfer !== undefined && sameText(transfer.secret, secret)
    },
    take: async (id, offset, read, gone) =>
      (await underWay.get(id)?.take(offset, read, gone)) ?? { status: 410, offset, room: false },
    refuse: (id, kind, reason) => underWay.get(id)?.end(new FileTrouble(kind, reason)),
  }
}

/** Asks the agent, and asks again when its task ended before the bytes were here: an agent may be started anew. */
async function watch(transfer: Transfer, url: string, sql: Sql, log: Logger): Promise<void> {
  const { wanted } = transfer
  const ended = transfer.ended
  let task: number | undefined
  let why = ''
  try {
    for (let asks = 0; !ended.aborted;) {
      try {
        const outcome = task === undefined ? null : await outcomeOfTransfer(sql, task)
        if (outcome) why = outcome.reason
        if ((task === undefined || outcome) && !transfer.complete) {
          if (asks++ >= mostAsks || (outcome && !transfer.hasBegun)) {
            throw new Unreachable(`Host ${wanted.host} could not send this file: ${why}`)
          }
          task = await askForBytes(sql, wanted.host_id, {
            transfer: transfer.id,
            url,
            secret: transfer.secret,
            source: wanted.source,
            offset: transfer.offset,
            length: wanted.offset + wanted.length - transfer.offset,
          })
        }
      } catch (error) {
        if (error instanceof Unreachable) throw error
        // a transfer goes on while the database is away; one that has not begun cannot be asked for
        if (!transfer.hasBegun) throw error
        log.debug({ error: messageOf(error) }, 'a transfer could not be looked after')
      }
      transfer.endIfSilent(why)
      await sleep(watchMilliseconds, undefined, { signal: ended }).catch(() => {})
    }
  } catch (error) {
    transfer.end(error)
  }
  if (task !== undefined) await dropTransfer(sql, task).catch(() => {})
}

class Transfer {
  readonly id = randomUUID()
  readonly secret = randomBytes(32).toString('base64url')
  readonly wanted: WantedBytes
  /** Where the next bytes belong. */
  offset: number
  hasBegun = false
  readonly #waiting: Uint8Array[] = []
  readonly #begun = Promise.withResolvers<void>()
  readonly #over = new AbortController()
  #changed = Promise.withResolvers<void>()
  #failure: unknown
  #heard = Date.now()
  #read = Date.now()
  #taking = 0

  constructor(wanted: WantedBytes) {
    this.wanted = wanted
    this.offset = wanted.offset
    this.#begun.promise.catch(() => {})
  }

  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /** Aborted when it has ended, well or not. */
  get ended(): AbortSignal {
    return this.#over.signal
  }

  /** Resolves when it has ended, well or not. */
  get over(): Promise<void> {
    if (this.ended.aborted) return Promise.resolve()
    return new Promise((resolve) => this.ended.addEventListener('abort', () => resolve(), { once: true }))
  }

  /** All bytes are here, though not all may have been read. */
  get complete(): boolean {
    return this.offset === this.wanted.offset + this.wanted.length
  }

  async take(offset: number, read: () => Promise<Uint8Array>, gone: AbortSignal): Promise<TransferAnswer> {
    this.#taking += 1
    try {
      const bytes = await read()
      const left = this.wanted.offset + this.wanted.length - this.offset
      if (this.#failure === undefined && (offset !== this.offset || bytes.length > left)) {
        return { status: 409, offset: this.offset, room: this.#room }
      }
      if (bytes.length > 0 && this.#failure === undefined) {
        this.#waiting.push(bytes)
        this.offset += bytes.length
        this.hasBegun = true
        this.#begun.resolve()
        this.#tell()
      }
      const patience = AbortSignal.any([gone, AbortSignal.timeout(holdMilliseconds)])
      while (!this.#room && !this.ended.aborted && !patience.aborted) await this.#change(patience)
      return { status: this.#failure === undefined ? 200 : 410, offset: this.offset, room: this.#room }
    } finally {
      this.#taking -= 1
      this.#heard = Date.now()
    }
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          this.#read = Date.now()
          while (this.#waiting.length === 0 && !this.complete && this.#failure === undefined) await this.#change()
          const bytes = this.#waiting.shift()
          this.#read = Date.now()
          this.#tell()
          if (bytes) controller.enqueue(bytes)
          else if (this.#failure !== undefined) controller.error(this.#failure)
          if (this.complete && this.#waiting.length === 0) {
            controller.close()
            this.end()
          }
        },
        cancel: () => this.end(new Error('nobody reads any more')),
      },
      { highWaterMark: 0 },
    )
  }

  /** `failure` undefined: all bytes were read. */
  end(failure?: unknown): void {
    if (this.ended.aborted) return
    this.#failure = failure
    if (failure !== undefined) {
      this.#waiting.length = 0
      this.#begun.reject(failure)
    }
    this.#over.abort()
    this.#tell()
  }

  /** `why`: what was last heard of the agent. */
  endIfSilent(why: string): void {
    if (this.#taking > 0) this.#heard = Date.now()
    const silent = Date.now() - this.#heard
    const { host } = this.wanted
    if (!this.hasBegun && silent > firstPatience) {
      this.end(
        new Unreachable(`The agent of host ${host} has not begun to send${why && `: ${why}`}. Try again in a minute`),
      )
    } else if (!this.complete && silent > silencePatience) {
      this.end(new Unreachable(`The agent of host ${host} does not send any more${why && `: ${why}`}`))
    } else if (this.#waiting.length > 0 && Date.now() - this.#read > readerPatience) {
      this.end(new Error('the reader has taken nothing for 5 minutes'))
    }
  }

  /** For one more piece beside the one that is being read. */
  get #room(): boolean {
    return this.#waiting.length <= 1
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }

  async #change(signal?: AbortSignal): Promise<void> {
    const { promise } = this.#changed
    if (!signal) return promise
    if (signal.aborted) return
    const given = Promise.withResolvers<void>()
    const stop = () => given.resolve()
    signal.addEventListener('abort', stop)
    await Promise.race([promise, given.promise])
    signal.removeEventListener('abort', stop)
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

// Sends a part of a backup to the server that asked, in requests of our own: this agent listens on no port.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from 'db/domain/errors'
import type { CareOutcome, SendBytesPayload, TaskOf } from 'db/domain/task'
import { JobCancelled } from '../cancelled.ts'
import { codeOf } from '../durable.ts'
import type { TaskReport } from '../task-report.ts'
import { placeOf } from './place.ts'
import { preparedName } from './prepared-name.ts'
import type { Tools } from './tools.ts'

/** Bytes of one request: below what proxies take, and two of them are in memory at a time. */
const chunkBytes = 4 * 1024 * 1024
/** The server that asked may be started again; after so long it has forgotten the transfer. */
const patienceMs = 30_000
/** The server answers after 20 s at the latest; more than that is a connection that nobody serves any more. */
const requestMs = 120_000

/** Never throws. A reader that has gone is nothing to worry about. */
export async function sendBytes(
  { payload }: TaskOf<'send_bytes'>,
  tools: Pick<Tools, 'archivesDir' | 'downloadsDir'>,
  report: TaskReport,
  signal: AbortSignal,
): Promise<CareOutcome> {
  using server = connectTo(payload, signal)
  try {
    await using file = await openSource(tools, payload)
    const reason = await send(file, payload, server, (bytes) => void (report.progress.bytes = bytes))
    return { status: reason ? 'cancelled' : 'success', reason, backups: [] }
  } catch (error) {
    if (signal.aborted) {
      const cancelled = signal.reason instanceof JobCancelled
      return { status: cancelled ? 'cancelled' : 'failed', reason: messageOf(signal.reason), backups: [] }
    }
    report.say('warn', `A download could not be served: ${messageOf(error)}`)
    if (error instanceof FileTrouble) await server.refuse(error.kind, error.message).catch(() => {})
    return { status: 'failed', reason: messageOf(error), backups: [] }
  }
}

/** Resolves with the reason why nobody reads any more; empty when all has been sent. */
async function send(
  file: FileHandle,
  payload: SendBytesPayload,
  server: Connection,
  progress: (bytes: number) => void,
): Promise<string> {
  const end = payload.offset + payload.length
  const pieces = readAhead(file, end)
  let offset = payload.offset
  for (let room = true; offset < end;) {
    const answer = await server.put(offset, room ? await pieces.at(offset) : null)
    if (answer.status === 410) return 'nobody reads any more'
    if (answer.offset < payload.offset || answer.offset > end)
      throw new Error(`the server asked for byte ${answer.offset}, which it had not asked for`)
    offset = answer.offset
    room = answer.room
    progress(offset - payload.offset)
  }
  return ''
}

/** Reads the piece after the one that was asked for while that one is on its way. */
function readAhead(file: FileHandle, end: number) {
  type Piece = { from: number; bytes: Promise<Buffer>; buffer: Buffer }
  const read = (from: number, buffer: Buffer): Piece => {
    const bytes = readAt(file, buffer, from, Math.min(chunkBytes, end - from))
    bytes.catch(() => {})
    return { from, bytes, buffer }
  }
  let now: Piece | undefined
  let next: Piece | undefined
  return {
    async at(from: number): Promise<Buffer> {
      if (now?.from !== from) {
        await next?.bytes.catch(() => {})
        const free = now?.buffer ?? Buffer.allocUnsafe(chunkBytes)
        const other = next?.buffer ?? Buffer.allocUnsafe(chunkBytes)
        now = next?.from === from ? next : read(from, other)
        const after = Math.min(from + chunkBytes, end)
        next = after < end ? read(after, free) : undefined
      }
      return now.bytes
    },
  }
}

/** What is wrong with the file itself; the server is told, so that it does not ask again. */
class FileTrouble extends Error {
  override name = 'FileTrouble'
  readonly kind: 'missing' | 'failed'
  constructor(kind: 'missing' | 'failed', message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

async function openSource(
  { archivesDir, downloadsDir }: Pick<Tools, 'archivesDir' | 'downloadsDir'>,
  { source }: SendBytesPayload,
): Promise<FileHandle> {
  const path = source.prepared
    ? join(downloadsDir, preparedName(source.path))
    : await placeOf(archivesDir, source.path).then(
        ({ file }) => file,
        (error: unknown) => {
          throw new FileTrouble('failed', messageOf(error))
        },
      )
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const missing = codeOf(error) === 'ENOENT'
    throw new FileTrouble(missing ? 'missing' : 'failed', missing ? `${path} is not there` : messageOf(error), error)
  }
  const about = await file.stat()
  if (!about.isFile() || about.size !== source.size_bytes) {
    await file.close()
    const what = about.isFile() ? `has ${about.size} bytes instead of ${source.size_bytes}` : 'is no file'
    throw new FileTrouble('failed', `${path} ${what}`)
  }
  return file
}

async function readAt(file: FileHandle, buffer: Buffer, from: number, length: number): Promise<Buffer> {
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, from + filled).catch((error: unknown) => {
      throw new FileTrouble('failed', `it cannot be read: ${messageOf(error)}`, error)
    })
    if (bytesRead === 0) throw new FileTrouble('failed', `it ended at byte ${from + filled}`)
    filled += bytesRead
  }
  return buffer.subarray(0, length)
}

interface Answer {
  status: number
  offset: number
  room: boolean
}

interface Connection extends Disposable {
  /** Without bytes: asks for room. Repeated until the server answers, or has been away for too long. */
  put(offset: number, bytes: Buffer | null): Promise<Answer>
  refuse(kind: 'missing' | 'failed', reason: string): Promise<void>
}

function connectTo({ url, transfer, secret }: SendBytesPayload, signal: AbortSignal): Connection {
  const address = new URL(`/api/transfers/${encodeURIComponent(transfer)}`, url)
  const secure = address.protocol === 'https:'
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 1 })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 })
  let reached = false

  async function ask(method: string, query: string, body: Buffer | null): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
    const request = (secure ? httpsRequest : httpRequest)(
      new URL(query, address),
      {
        method,
        agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(requestMs)]),
        headers: { 'x-transfer-secret': secret, 'content-length': body?.length ?? 0 },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => void (text += part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(body ?? undefined)
    return promise
  }

  return {
    async put(offset, bytes) {
      for (let tried = Date.now(), wait = 50; ; wait = Math.min(wait * 2, 2000)) {
        let trouble: string
        try {
          const { status, text } = await ask('PUT', `?offset=${offset}`, bytes)
          if (status === 200 || status === 409 || status === 410) {
            reached = true
            return { status, ...(JSON.parse(text) as Omit<Answer, 'status'>) }
          }
          if (status === 404) {
            // forgotten, or started anew: whoever read this has gone with it
            if (reached) return { status: 410, offset, room: false }
            throw new NotOurs(
              `${url} knows nothing of this transfer: TRANSFER_URL has to be the address of the very server that asked`,
            )
          }
          trouble = `it answered ${status}`
        } catch (error) {
          signal.throwIfAborted()
          if (error instanceof NotOurs) throw error
          trouble = messageOf(error)
        }
        if (Date.now() - tried > (reached ? patienceMs : patienceMs / 3))
          throw new Error(`the server cannot be reached at ${url} (TRANSFER_URL): ${trouble}`)
        await sleep(wait, undefined, { signal }).catch(() => {})
        signal.throwIfAborted()
      }
    },
    async refuse(kind, reason) {
      await ask('DELETE', '', Buffer.from(JSON.stringify({ kind, reason: reason.slice(0, 2000) })))
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

class NotOurs extends Error {}

// Where agents bring the bytes of a download. Nobody is signed in here: each transfer has a secret of its own.
import type { HttpBindings } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import * as z from 'zod'
import type { Env } from '../context.ts'
import { problem } from '../problems.ts'
import { largestChunk, type Transfers } from '../transfers.ts'

const Offset = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
const Refusal = z.object({ kind: z.enum(['missing', 'failed']), reason: z.string().max(2000) })

/** PUT /{transfer}?offset= brings bytes, or asks for room when it brings none; DELETE says why they cannot come. */
export function transfers(open: Transfers) {
  return new Hono<Env>()
    .use('/:transfer', async (c, next) => {
      const known = open.knows(c.req.param('transfer'), c.req.header('x-transfer-secret') ?? '')
      if (!known) {
        const detail =
          'No such transfer is under way here. Either nobody reads it any more, or TRANSFER_URL is not the address of the very server that asked'
        return problem(c, 404, { detail }, { Connection: 'close' })
      }
      if (Number(c.req.header('content-length') ?? 0) <= largestChunk) return next()
      return problem(c, 413, { detail: 'A request brings 8 MiB at most' }, { Connection: 'close' })
    })
    .put('/:transfer', async (c) => {
      const offset = Offset.safeParse(c.req.query('offset'))
      if (!offset.success) return problem(c, 422, { detail: 'offset must be a whole number' })
      const { bytes, gone } = bodyOf(c)
      try {
        const { status, ...answer } = await open.take(c.req.param('transfer'), offset.data, bytes, gone)
        return c.json(answer, status)
      } catch {
        // the agent brings them again
        return problem(c, 400, { detail: 'The bytes did not come wholly' }, { Connection: 'close' })
      }
    })
    .delete('/:transfer', async (c) => {
      const refusal = Refusal.safeParse(await c.req.json().catch(() => undefined))
      if (!refusal.success) return problem(c, 422, { detail: 'The body must say kind and reason' })
      open.refuse(c.req.param('transfer'), refusal.data.kind, refusal.data.reason)
      return c.body(null, 204)
    })
}

/** From Node's own request where there is one: a body read as the web has it is copied three times on its way. */
function bodyOf(c: Context): { bytes: () => Promise<Uint8Array>; gone: AbortSignal } {
  const { incoming, outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  if (!incoming || !outgoing) {
    return { bytes: async () => new Uint8Array(await c.req.arrayBuffer()), gone: c.req.raw.signal }
  }
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  const bytes = async () => {
    // a proxy may have left the length out
    const all = Buffer.allocUnsafe(Number(c.req.header('content-length') ?? largestChunk))
    let length = 0
    for await (const part of incoming as AsyncIterable<Buffer>) {
      if (length + part.length > all.length) throw new Error('more bytes than there is room for')
      length += part.copy(all, length)
    }
    return all.subarray(0, length)
  }
  return { bytes, gone: gone.signal }
}

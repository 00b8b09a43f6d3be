// Where agents bring the bytes of a download. Nobody is signed in here: each transfer has a secret of its own.
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import * as z from 'zod'
import type { Env } from '../context.ts'
import { problem } from '../problems.ts'
import { largestChunk, type Transfers } from '../transfers.ts'

const Query = z.object({
  offset: z
    .string()
    .regex(/^\d{1,16}$/)
    .transform(Number),
})
const Refusal = z.object({ kind: z.enum(['missing', 'failed']), reason: z.string().max(2000) })

/** PUT /{transfer}?offset= brings bytes, or asks for room when it brings none; DELETE says why they cannot come. */
export function transfers(open: Transfers) {
  return new Hono<Env>()
    .use('/:transfer', async (c, next) => {
      const known = open.knows(c.req.param('transfer'), c.req.header('x-transfer-secret') ?? '')
      if (known) return next()
      const detail =
        'No such transfer is under way here. Either nobody reads it any more, or TRANSFER_URL is not the address of the very server that asked'
      return problem(c, 404, { detail }, { Connection: 'close' })
    })
    .put(
      '/:transfer',
      bodyLimit({
        maxSize: largestChunk,
        onError: (c) => problem(c, 413, { detail: 'A request brings at most 8 MiB' }, { Connection: 'close' }),
      }),
      async (c) => {
        const query = Query.safeParse(c.req.query())
        if (!query.success) return problem(c, 422, { detail: 'offset must be a whole number' })
        const { offset } = query.data
        const read = async () => new Uint8Array(await c.req.arrayBuffer())
        const { status, ...answer } = await open.take(c.req.param('transfer'), offset, read, c.req.raw.signal)
        return c.json(answer, status)
      },
    )
    .delete('/:transfer', async (c) => {
      const refusal = Refusal.safeParse(await c.req.json().catch(() => undefined))
      if (!refusal.success) return problem(c, 422, { detail: 'The body must say kind and reason' })
      open.refuse(c.req.param('transfer'), refusal.data.kind, refusal.data.reason)
      return c.body(null, 204)
    })
}

// Who changed, ran or downloaded what.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { listAudit } from 'db/queries/audit'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { cursor, json, limit, page, text, time } from './definitions.ts'

const AuditEntry = z
  .object({
    id: z.number().int(),
    at: time,
    user_id: z.string().nullable(),
    user_name: z.string().openapi({ description: 'Empty when nobody was signed in' }),
    by_token: z.boolean(),
    action: z.string(),
    resource: z.string(),
    resource_id: z.string(),
    detail: z.record(z.string(), z.unknown()),
    address: z.string(),
  })
  .openapi('AuditEntry')

const example = {
  id: 812,
  at: '2026-11-23T08:00:00.000Z',
  user_id: 'k3J…',
  user_name: 'ada',
  by_token: false,
  action: 'archive.change',
  resource: 'archive',
  resource_id: '3',
  detail: { name: 'nightly', changed: { level: 9 } },
  address: '192.168.1.20',
}

const words = text.max(100).optional()

export function auditLog({ sql }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid }).openapi(
    createRoute({
      method: 'get',
      path: '/',
      tags: ['Users'],
      summary: 'Audit log',
      description: 'Who changed, ran or downloaded what, newest first, by pages. Needs the role of an admin.',
      middleware: atLeast('admin'),
      request: {
        query: z.object({
          user_id: words.openapi({ description: 'Only what this user did', example: 'k3J…' }),
          action: words.openapi({ description: 'An action, or all that begin with this word', example: 'archive' }),
          resource: words.openapi({ description: 'Only what was done to things of this kind', example: 'archive' }),
          resource_id: words.openapi({ description: 'Only what was done to this one', example: '3' }),
          limit: limit(50, 500),
          cursor,
        }),
      },
      responses: {
        200: json(z.object({ entries: z.array(AuditEntry), next_cursor: z.string().nullable() }), 'A page of entries', {
          entries: [example],
          next_cursor: '812',
        }),
      },
    }),
    async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query')
      const { rows, next_cursor } = page(await listAudit(sql, { ...filter, before: cursor, limit: limit + 1 }), limit)
      return c.json({ entries: rows, next_cursor }, 200)
    },
  )
}

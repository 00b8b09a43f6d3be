// Whether this server can work, for containers, proxies and monitors.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Env, Server } from '../context.ts'
import { json } from './definitions.ts'

const patienceMilliseconds = 3000

export function health({ sql, version, ailments }: Server) {
  return new OpenAPIHono<Env>().openapi(
    createRoute({
      method: 'get',
      path: '/',
      tags: ['Server'],
      summary: 'Health',
      description: 'Says whether the server can do its work. Needs no sign-in.',
      security: [],
      responses: {
        200: json(z.object({ status: z.literal('ok'), version: z.string() }), 'It can', {
          status: 'ok',
          version: '0.1.0',
        }),
        503: json(z.object({ status: z.literal('failing'), problems: z.array(z.string()) }), 'It cannot, and why', {
          status: 'failing',
          problems: ['The database does not answer'],
        }),
      },
    }),
    async (c) => {
      const answers = await Promise.race([
        sql`select 1`.then(
          () => true,
          () => false,
        ),
        sleep(patienceMilliseconds, false),
      ])
      const problems = [...(answers ? [] : ['The database does not answer']), ...ailments()]
      if (problems.length > 0) return c.json({ status: 'failing' as const, problems }, 503)
      return c.json({ status: 'ok' as const, version }, 200)
    },
  )
}

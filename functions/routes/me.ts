// Who am I, and how are times shown to me.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Env, Server } from '../context.ts'
import { json, Role } from './definitions.ts'

export const User = z
  .object({ id: z.string(), username: z.string(), email: z.string(), role: Role })
  .openapi('User', { description: '`role` is what this request may do: a token may have less than its user.' })

export function me({ config, version }: Server) {
  return new OpenAPIHono<Env>().openapi(
    createRoute({
      method: 'get',
      path: '/',
      tags: ['Signing in'],
      summary: 'Who am I?',
      description: 'The signed-in user, or the user a token belongs to, and how times are shown.',
      responses: {
        200: json(
          z.object({ user: User, display: z.object({ time_zone: z.string(), version: z.string() }) }),
          'The user and the display settings',
          {
            user: { id: 'k3J…', username: 'ada', email: 'ada@example.org', role: 'admin' },
            display: { time_zone: 'Europe/Berlin', version: '0.1.0' },
          },
        ),
      },
    }),
    (c) => c.json({ user: c.get('user'), display: { time_zone: config.timeZone, version } }, 200),
  )
}

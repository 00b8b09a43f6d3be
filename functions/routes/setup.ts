// The first visit: makes the admin and signs them in.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { hasUsers } from 'db/queries/users'
import { auditAs } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { answerInvalid } from '../problems.ts'
import { createFirstAdmin } from '../setup.ts'
import { body, json } from './definitions.ts'
import { User } from './me.ts'
import { email, password, username } from './people.ts'

const NewAdmin = z.object({ username, email, password }).openapi('NewAdmin')

export function setup(server: Server) {
  const { sql, auth } = server
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags: ['Signing in'],
        summary: 'Is setup needed?',
        description: 'True as long as there is no user. Needs no sign-in.',
        security: [],
        responses: {
          200: json(z.object({ needed: z.boolean() }), 'Whether the first admin is still to be made', { needed: true }),
        },
      }),
      async (c) => c.json({ needed: !(await hasUsers(sql)) }, 200),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/',
        tags: ['Signing in'],
        summary: 'Create the first admin',
        description:
          'Works only while there is no user; afterwards 409. Sets the session cookie, so whoever does it is signed in.',
        security: [],
        request: {
          body: body(NewAdmin, { username: 'ada', email: 'ada@example.org', password: 'correct horse battery' }),
        },
        responses: {
          201: json(z.object({ user: User }), 'The admin, signed in', {
            user: { id: 'k3J…', username: 'ada', email: 'ada@example.org', role: 'admin' },
          }),
        },
      }),
      async (c) => {
        const admin = c.req.valid('json')
        await createFirstAdmin(server, admin)
        const { headers, response } = await auth.api.signInUsername({
          body: { username: admin.username, password: admin.password },
          returnHeaders: true,
        })
        for (const cookie of headers.getSetCookie()) c.header('Set-Cookie', cookie, { append: true })
        const { id, username, email } = response.user
        await auditAs(sql, c, { id, name: username }, 'user.create', 'user', id, { username, role: 'admin' })
        return c.json({ user: { id, username, email, role: 'admin' as const } }, 201)
      },
    )
}

// One's own address, password and sessions. People only: a stolen token must not take over its user.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { Invalid } from 'db/domain/errors'
import { endSession, endSessions, listSessions } from 'db/queries/sessions'
import { changeUser, passwordHash, replacePassword } from 'db/queries/users'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { peopleOnly } from '../middleware/session.ts'
import { throttle } from '../middleware/throttle.ts'
import { answerInvalid } from '../problems.ts'
import { body, json, text } from './definitions.ts'
import { User } from './me.ts'
import { email, exampleSession, password, Session } from './people.ts'

const tags = ['Signing in']
const wrongPassword = 'current_password'

export function profile({ sql, auth }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'patch',
        path: '/',
        tags,
        summary: 'Change my e-mail address',
        description: 'Reports are sent there. Only people can change it. 409 when it is somebody else’s.',
        middleware: peopleOnly,
        request: {
          body: body(z.strictObject({ email }).openapi('ProfileChanges'), { email: 'ada@example.org' }),
        },
        responses: {
          200: json(z.object({ user: User }), 'The changed user', {
            user: { id: 'k3J…', username: 'ada', email: 'ada@example.org', role: 'admin' },
          }),
        },
      }),
      async (c) => {
        const { id: userId } = c.get('user')
        const { id, username, email, role } = await changeUser(sql, userId, c.req.valid('json'))
        await audit(sql, c, 'user.change', 'user', id, { username, changed: { email } })
        return c.json({ user: { id, username, email, role } }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/password',
        tags,
        summary: 'Change my password',
        description:
          'All other sessions end. Only people can change it. After 10 wrong current passwords within 10 minutes: 429, with `Retry-After`.',
        middleware: [
          peopleOnly,
          throttle(sql, {
            whose: (c) => `password of ${c.get('user').id}`,
            wasWrong: (c) => c.error instanceof Invalid && c.error.field === wrongPassword,
          }),
        ] as const,
        request: {
          body: body(
            z.strictObject({ current_password: z.string().max(1000), new_password: password }).openapi('NewPassword'),
            { current_password: 'correct horse battery', new_password: 'battery staple correct' },
          ),
        },
        responses: { 204: { description: 'Changed' } },
      }),
      async (c) => {
        const { current_password, new_password } = c.req.valid('json')
        const { id } = c.get('user')
        const { password } = await auth.$context
        const hash = await passwordHash(sql, id)
        if (hash === null || !(await password.verify({ hash, password: current_password })))
          throw new Invalid('is not your password', wrongPassword)
        await replacePassword(sql, id, await password.hash(new_password), c.get('sessionId'))
        await audit(sql, c, 'user.password', 'user', id)
        return c.body(null, 204)
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/sessions',
        tags,
        summary: 'My sessions',
        description: 'The browsers I am signed in with, newest first.',
        middleware: peopleOnly,
        responses: {
          200: json(z.object({ sessions: z.array(Session) }), 'My sessions', { sessions: [exampleSession] }),
        },
      }),
      async (c) => {
        const sessions = await listSessions(sql, c.get('user').id)
        const current = c.get('sessionId')
        return c.json({ sessions: sessions.map((session) => ({ ...session, current: session.id === current })) }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/sessions',
        tags,
        summary: 'Sign out everywhere else',
        description: 'Ends all my sessions but this one, at once.',
        middleware: peopleOnly,
        responses: { 200: json(z.object({ ended: z.number().int() }), 'How many there were', { ended: 2 }) },
      }),
      async (c) => {
        const { id } = c.get('user')
        const ended = await endSessions(sql, id, c.get('sessionId'))
        await audit(sql, c, 'session.end', 'user', id, { ended })
        return c.json({ ended }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/sessions/{id}',
        tags,
        summary: 'End one of my sessions',
        description: 'That browser is signed out at once.',
        middleware: peopleOnly,
        request: { params: z.object({ id: text.max(100).openapi({ example: 'p8Wd…' }) }) },
        responses: { 204: { description: 'Ended' } },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        await endSession(sql, c.get('user').id, id)
        await audit(sql, c, 'session.end', 'session', id)
        return c.body(null, 204)
      },
    )
}

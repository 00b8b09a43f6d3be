// better-auth's own routes: sign-in, sign-out, passwords, sessions, users. Its errors are told the way all others are.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { findUser } from 'db/queries/users'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { audit, auditAs } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { throttleSignIn, usernameIn } from '../middleware/throttle.ts'
import { problem } from '../problems.ts'
import { body, json } from './definitions.ts'
import { User } from './me.ts'

export function auth({ auth, sql }: Server) {
  const app = new OpenAPIHono<Env>()
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/sign-in/username',
    tags: ['Signing in'],
    summary: 'Sign in',
    description: 'Sets the session cookie. After 10 wrong passwords within 10 minutes: 429, with `Retry-After`.',
    security: [],
    request: {
      body: body(z.object({ username: z.string(), password: z.string() }), {
        username: 'ada',
        password: 'correct horse battery',
      }),
    },
    responses: {
      200: json(z.object({ user: User.omit({ role: true }).loose() }), 'Signed in', {
        user: { id: 'k3J…', username: 'ada', email: 'ada@example.org' },
      }),
    },
  })
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/sign-out',
    tags: ['Signing in'],
    summary: 'Sign out',
    description: 'Ends the session and clears its cookie.',
    responses: { 200: json(z.object({ success: z.boolean() }), 'Signed out', { success: true }) },
  })
  app.use('/sign-in/*', throttleSignIn(sql))
  app.use('/sign-in/*', async (c, next) => {
    const name = await usernameIn(c.req.raw)
    await next()
    if (c.res.status !== 200 && c.res.status !== 401) return
    const user = await findUser(sql, name)
    if (c.res.ok)
      await auditAs(sql, c, user && { id: user.id, name: user.username }, 'session.begin', 'user', user?.id ?? '')
    // a name nobody has is often a password, typed one field too early
    else await audit(sql, c, 'session.refuse', 'user', user?.id ?? '', { username: user?.username ?? 'unknown' })
  })
  app.on(['GET', 'POST'], '/*', async (c) => {
    if (c.req.header('authorization') !== undefined) {
      return problem(c, 403, {
        detail: 'A token cannot sign in, nor change passwords, sessions or users. Sign in with your name and password',
      })
    }
    const leaving = c.req.path.endsWith('/sign-out') ? await auth.api.getSession({ headers: c.req.raw.headers }) : null
    const answer = await auth.handler(c.req.raw)
    if (answer.status < 400) {
      if (leaving) await auditAs(sql, c, whoIs(leaving.user), 'session.end', 'session', leaving.session.id)
      return answer
    }
    // better-auth hides the cause; this fails with it when it is the database that does not answer
    if (answer.status >= 500) await sql`select 1`
    const told = (await answer.json().catch(() => ({}))) as { message?: string }
    const detail =
      told.message ?? (answer.status === 404 ? `There is nothing at ${c.req.path}` : 'The request was refused')
    return problem(c, answer.status as ContentfulStatusCode, { detail })
  })
  return app
}

function whoIs({ id, username, email }: { id: string; username?: string | null | undefined; email: string }) {
  return { id, name: username ?? email }
}

// The two doors of better-auth's own that are open: sign in, sign out. Users, passwords and sessions have routes of ours.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { noteSessionAddress } from 'db/queries/sessions'
import { findUser } from 'db/queries/users'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { audit, auditAs } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { throttle, usernameIn } from '../middleware/throttle.ts'
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
    security: [],
    responses: { 200: json(z.object({ success: z.boolean() }), 'Signed out', { success: true }) },
  })

  app.use('/*', async (c, next) => {
    if (c.req.header('authorization') === undefined) return next()
    return problem(c, 403, { detail: 'A token cannot sign in. Use it as it is, in the header Authorization' })
  })
  app.use('/sign-in/*', throttle(sql, { whose: (c) => usernameIn(c.req.raw), wasWrong: (c) => c.res.status === 401 }))
  app.post('/sign-in/username', async (c) => {
    const name = await usernameIn(c.req.raw)
    const answer = await handOver(c)
    if (answer.status !== 200 && answer.status !== 401) return answer
    const user = await findUser(sql, name)
    if (answer.ok && user) {
      await noteSessionAddress(sql, user.id, c.get('address'))
      await auditAs(sql, c, { id: user.id, name: user.username }, 'session.begin', 'user', user.id)
    } else {
      // a name nobody has is often a password, typed one field too early
      await audit(sql, c, 'session.refuse', 'user', user?.id ?? '', { username: user?.username ?? 'unknown' })
    }
    return answer
  })
  app.post('/sign-out', async (c) => {
    const leaving = await auth.api.getSession({ headers: c.req.raw.headers })
    const answer = await handOver(c)
    if (leaving) {
      const { id, username, email } = leaving.user
      await auditAs(sql, c, { id, name: username ?? email }, 'session.end', 'session', leaving.session.id)
    }
    return answer
  })
  app.all('/*', (c) => problem(c, 404, { detail: `There is nothing at ${c.req.path}` }))

  /** Its errors are told the way all others are. */
  async function handOver(c: Context): Promise<Response> {
    const answer = await auth.handler(c.req.raw)
    if (answer.status < 400) return answer
    // better-auth hides the cause; this fails with it when it is the database that does not answer
    if (answer.status >= 500) await sql`select 1`
    const told = (await answer.json().catch(() => ({}))) as { message?: string }
    return problem(c, answer.status as ContentfulStatusCode, { detail: told.message ?? 'The request was refused' })
  }
  return app
}

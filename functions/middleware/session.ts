// Finds out who asks: a browser by its session cookie, a program by its bearer token.
import { defaultKeyHasher } from '@better-auth/api-key'
import { useToken } from 'db/queries/users'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Env, Server, User } from '../context.ts'
import { problem } from '../problems.ts'
import { mayActAs, roleOf, weaker, type Role } from 'db/domain/role'

const article: Record<Role, string> = { viewer: 'a viewer', operator: 'an operator', admin: 'an admin' }

/** Answers 401 unless somebody is signed in or sent a good token; a token that is sent and bad is never passed over. */
export function signedIn({ sql, auth }: Pick<Server, 'sql' | 'auth'>) {
  return createMiddleware<Env>(async (c, next) => {
    const header = c.req.header('authorization')
    const found = header === undefined ? await bySession(c, { sql, auth }) : await byToken(sql, header)
    if (typeof found === 'string') {
      return problem(c, 401, { detail: found }, { 'WWW-Authenticate': 'Bearer realm="docker-archiver"' })
    }
    c.set('user', found.user)
    c.set('byToken', header !== undefined)
    c.set('sessionId', found.sessionId)
    return next()
  })
}

interface Found {
  user: User
  sessionId: string | undefined
}

async function bySession(c: Context, { sql, auth }: Pick<Server, 'sql' | 'auth'>): Promise<Found | string> {
  const { headers } = c.req.raw
  const { response: session, headers: renewed } = await auth.api
    .getSession({ headers, returnHeaders: true })
    .catch(async (error: unknown) => {
      // better-auth hides the cause; this fails with it when it is the database that does not answer
      await sql`select 1`
      throw error
    })
  for (const cookie of renewed.getSetCookie()) c.header('Set-Cookie', cookie, { append: true })
  if (!session) return 'Sign in first, or send a token in the header Authorization: Bearer <token>'
  const { id, username, email, role } = session.user
  return { user: { id, username: username ?? email, email, role: roleOf(role) }, sessionId: session.session.id }
}

async function byToken(sql: Server['sql'], header: string): Promise<Found | string> {
  const token = /^bearer +(\S+) *$/i.exec(header)?.[1]
  if (!token) return 'The Authorization header is not of the form "Bearer <token>"'
  const use = await useToken(sql, await defaultKeyHasher(token))
  if (!use) return 'This token is not known. It may have been deleted; make a new one in the profile'
  if (use.expired) return 'This token has expired. Make a new one in the profile'
  const { id, username, email } = use
  const role = weaker(roleOf(use.role), roleOf(use.token_role))
  return { user: { id, username: username ?? email, email, role }, sessionId: undefined }
}

/** Answers 403 to whoever has less than this role. */
export function atLeast(wanted: Role) {
  return createMiddleware<Env>(async (c, next) => {
    const { role } = c.get('user')
    if (mayActAs(role, wanted)) return next()
    const whose = c.get('byToken') ? 'this token has' : 'you have'
    return problem(c, 403, { detail: `This needs the role of ${article[wanted]}; ${whose} that of ${article[role]}` })
  })
}

/** Answers 403 to tokens: a stolen one must not make itself last, nor take over its user. */
export const peopleOnly = createMiddleware<Env>(async (c, next) => {
  if (!c.get('byToken')) return next()
  return problem(c, 403, { detail: 'A token cannot do this. Sign in with your name and password' })
})

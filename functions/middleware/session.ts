// Finds out who asks: a browser by its session cookie, a program by its bearer token.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { defaultKeyHasher } from '@better-auth/api-key'
import { useSession } from 'db/queries/sessions'
import { useToken } from 'db/queries/users'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { sessionLife } from '../auth.ts'
import type { Env, Server, User } from '../context.ts'
import { problem } from '../problems.ts'
import { mayActAs, roleOf, weaker, type Role } from 'db/domain/role'

const article: Record<Role, string> = { viewer: 'a viewer', operator: 'an operator', admin: 'an admin' }

/** Answers 401 unless somebody is signed in or sent a good token; a token that is sent and bad is never passed over. */
export function signedIn(parts: Parts) {
  return createMiddleware<Env>(async (c, next) => {
    const header = c.req.header('authorization')
    const found = header === undefined ? await bySession(c, parts) : await byToken(parts.sql, header)
    if (typeof found === 'string') {
      return problem(c, 401, { detail: found }, { 'WWW-Authenticate': 'Bearer realm="docker-archiver"' })
    }
    c.set('user', found.user)
    c.set('byToken', header !== undefined)
    c.set('sessionId', found.sessionId)
    return next()
  })
}

type Parts = Pick<Server, 'sql' | 'auth' | 'config'>

interface Found {
  user: User
  sessionId: string | undefined
}

async function bySession(c: Context, parts: Parts): Promise<Found | string> {
  return (await byFreshSession(c, parts)) ?? bySessionOfBetterAuth(c, parts)
}

/**
 * Nearly every request of a page: a session that needs no renewal, found with one question. Whatever else there may be
 * (none, a bad or an old one, one that is to be renewed) is better-auth's to say.
 */
async function byFreshSession(c: Context, { sql, auth, config }: Parts): Promise<Found | null> {
  const { name } = (await auth.$context).authCookies.sessionToken
  const token = signedText(getCookie(c, name), config.secretKey)
  const session = token === null ? null : await useSession(sql, token, sessionLife)
  if (!session) return null
  const { session_id, id, username, email, role } = session
  return { user: { id, username: username ?? email, email, role: roleOf(role) }, sessionId: session_id }
}

/** Signed as better-auth does it: the text, a dot, its HMAC-SHA256 as base64. Null: it is not, or by another key. */
function signedText(cookie: string | undefined, key: string): string | null {
  const dot = cookie?.lastIndexOf('.') ?? -1
  if (cookie === undefined || dot < 1) return null
  const text = cookie.slice(0, dot)
  const given = Buffer.from(cookie.slice(dot + 1), 'base64')
  const right = createHmac('sha256', key).update(text).digest()
  return given.length === right.length && timingSafeEqual(given, right) ? text : null
}

async function bySessionOfBetterAuth(c: Context, { sql, auth }: Parts): Promise<Found | string> {
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

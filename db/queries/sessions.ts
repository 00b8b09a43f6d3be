// Browsers that somebody is signed in with. Without its row a session is over.
import type { Query, Sql } from '../connect.ts'
import { NotFound } from '../domain/errors.ts'

export interface Session {
  id: string
  created_at: Date
  /** About when it was used last: it is renewed once a day. */
  renewed_at: Date
  expires_at: Date
  user_agent: string
  address: string
}

/** Those that have not expired, newest first. */
export async function listSessions(sql: Sql, userId: string): Promise<Session[]> {
  return sql<Session[]>`
    select id, "createdAt" as created_at, "updatedAt" as renewed_at, "expiresAt" as expires_at,
      coalesce("userAgent", '') as user_agent, coalesce("ipAddress", '') as address
    from auth.session where "userId" = ${userId} and "expiresAt" > now()
    order by "createdAt" desc, id`
}

/** Throws NotFound, for another user's session too. */
export async function endSession(sql: Sql, userId: string, id: string): Promise<void> {
  const { count } = await sql`delete from auth.session where id = ${id} and "userId" = ${userId}`
  if (count === 0) throw new NotFound('There is no such session. It may have ended already')
}

/** Ends all of a user's sessions, or all but one. Resolves with how many there were. */
export async function endSessions(sql: Query, userId: string, except?: string): Promise<number> {
  const { count } = await sql`
    delete from auth.session where "userId" = ${userId} and id is distinct from ${except ?? null}`
  return count
}

/** Notes where the newest session of a user was begun. */
export async function noteSessionAddress(sql: Sql, userId: string, address: string): Promise<void> {
  await sql`
    update auth.session set "ipAddress" = ${address}
    where id = (select id from auth.session where "userId" = ${userId} order by "createdAt" desc limit 1)`
}

export interface SessionUse {
  session_id: string
  /** The user's. */
  id: string
  username: string | null
  email: string
  role: string | null
}

/** The session of this token and whose it is. Null: there is none, it has ended or is to be renewed, its user is shut out. */
export async function useSession(
  sql: Sql,
  token: string,
  life: { seconds: number; renewAfter: number },
): Promise<SessionUse | null> {
  const [use] = await sql<SessionUse[]>`
    select s.id as session_id, u.id, u.username, u.email, u.role
    from auth.session as s
    join auth."user" as u on u.id = s."userId"
    where s.token = ${token} and s."expiresAt" > now() + make_interval(secs => ${life.seconds - life.renewAfter})
      and not coalesce(u.banned, false)`
  return use ?? null
}

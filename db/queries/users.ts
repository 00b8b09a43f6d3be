// Users and tokens as better-auth stores them, in the schema `auth` and under its own column names.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Query, Sql } from '../connect.ts'
import { Conflict, NotFound } from '../domain/errors.ts'
import type { Role } from '../domain/role.ts'
import { endSessions } from './sessions.ts'

export interface User {
  id: string
  username: string
  email: string
  role: Role
  banned: boolean
  ban_reason: string
  created_at: Date
  /** How many browsers are signed in. */
  sessions: number
  tokens: number
}

/** By name. */
export async function listUsers(sql: Query, id?: string): Promise<User[]> {
  return sql<User[]>`
    select u.id, coalesce(u.username, u.email) as username, u.email, coalesce(u.role, 'viewer') as role,
      coalesce(u.banned, false) as banned, coalesce(u."banReason", '') as ban_reason, u."createdAt" as created_at,
      (select count(*) from auth.session as s where s."userId" = u.id and s."expiresAt" > now()) as sessions,
      (select count(*) from auth.apikey as k where k."referenceId" = u.id) as tokens
    from auth."user" as u
    where ${id ?? null}::text is null or u.id = ${id ?? null}
    order by username, id`
}

/** Throws NotFound. */
export async function getUser(sql: Query, id: string): Promise<User> {
  const [user] = await listUsers(sql, id)
  if (!user) throw new NotFound('There is no such user')
  return user
}

export interface UserChanges {
  username?: string | undefined
  email?: string | undefined
  role?: Role | undefined
  banned?: boolean | undefined
  ban_reason?: string | undefined
}

/**
 * Throws NotFound, and Conflict when a name or address is taken, or when no admin would be left who can sign in.
 * Whoever is banned is signed out everywhere, and their tokens rest.
 */
export async function changeUser(sql: Sql, id: string, changes: UserChanges): Promise<User> {
  return changeUsers(sql, async (sql) => {
    const user = await getUser(sql, id)
    await refuseTaken(sql, changes, id)
    const { username = user.username, role = user.role, banned = user.banned } = changes
    const ban_reason = banned ? (changes.ban_reason ?? user.ban_reason) : null
    await sql`
      update auth."user" set username = ${username.toLowerCase()}, "displayUsername" = ${username}, name = ${username},
        email = ${(changes.email ?? user.email).toLowerCase()}, role = ${role},
        banned = ${banned}, "banReason" = ${ban_reason}, "banExpires" = null, "updatedAt" = now()
      where id = ${id}`
    if (banned) await sql`delete from auth.session where "userId" = ${id}`
    return getUser(sql, id)
  })
}

/** With their sessions and tokens. Throws NotFound, and Conflict when no admin would be left who can sign in. */
export async function deleteUser(sql: Sql, id: string): Promise<User> {
  return changeUsers(sql, async (sql) => {
    const user = await getUser(sql, id)
    await sql`delete from auth."user" where id = ${id}`
    return user
  })
}

/** Throws Conflict when the name or the address is somebody else's. */
export async function refuseTaken(
  sql: Query,
  { username, email }: Pick<UserChanges, 'username' | 'email'>,
  exceptId?: string,
): Promise<void> {
  const [taken] = await sql<{ name: boolean }[]>`
    select username = lower(${username ?? null}) as name from auth."user"
    where (username = lower(${username ?? null}) or email = lower(${email ?? null})) and id is distinct from ${exceptId ?? null}`
  if (!taken) return
  if (taken.name) throw new Conflict(`There is already a user named "${username}"`, { field: 'username' })
  throw new Conflict(`There is already a user with the address ${email}`, { field: 'email' })
}

/** One change at a time, so that two admins cannot demote each other; afterwards somebody must be able to configure. */
async function changeUsers<Result>(sql: Sql, change: (sql: Query) => Promise<Result>): Promise<Result> {
  return whileUsersAreLocked(sql, async (sql) => {
    const result = await change(sql)
    const [admin] = await sql<{ id: string }[]>`
      select id from auth."user" where role = 'admin' and not coalesce(banned, false) order by "createdAt", id limit 1`
    if (!admin) throw new Conflict('This is the last admin. Make another one first')
    // the environment's token outlives whom it was first given to
    await sql`
      update auth.apikey as k set "referenceId" = ${admin.id}
      where k.id = 'environment' and not exists (
        select from auth."user" as u where u.id = k."referenceId" and u.role = 'admin' and not coalesce(u.banned, false))`
    await sql`delete from auth.apikey as k where not exists (select from auth."user" as u where u.id = k."referenceId")`
    return result
  })
}

/** Replaces the password and signs out everywhere, but for one session where it is named. */
export async function replacePassword(sql: Sql, userId: string, hash: string, exceptSession?: string): Promise<void> {
  await sql.begin(async (sql) => {
    const { count } = await sql`
      update auth.account set password = ${hash}, "updatedAt" = now()
      where "userId" = ${userId} and "providerId" = 'credential'`
    if (count === 0) {
      await sql`
        insert into auth.account (id, "accountId", "providerId", "userId", password, "updatedAt")
        values (gen_random_uuid(), ${userId}, 'credential', ${userId}, ${hash}, now())`
    }
    await endSessions(sql, userId, exceptSession)
  })
}

/** Null: they have none, and cannot sign in. */
export async function passwordHash(sql: Sql, userId: string): Promise<string | null> {
  const [account] = await sql<{ password: string | null }[]>`
    select password from auth.account where "userId" = ${userId} and "providerId" = 'credential'`
  return account?.password ?? null
}

/** Somebody can sign in. */
export async function hasUsers(sql: Query): Promise<boolean> {
  const [row] = await sql<[{ found: boolean }]>`select exists (select from auth.account) as found`
  return row.found
}

/** By the name they sign in with. */
export async function findUser(sql: Query, username: string): Promise<{ id: string; username: string } | undefined> {
  const [user] = await sql<{ id: string; username: string }[]>`
    select id, coalesce(username, email) as username from auth."user" where username = lower(${username})`
  return user
}

/** A user and its password are stored one after the other; a server that dies in between leaves the first alone. */
export async function forgetHalfMadeUsers(sql: Sql): Promise<void> {
  await sql`delete from auth."user" as u where not exists (select from auth.account as a where a."userId" = u.id)`
}

/** Runs `work` while nobody else, in any server, runs anything under this lock. */
export async function whileUsersAreLocked<Result>(sql: Sql, work: (sql: Query) => Promise<Result>): Promise<Result> {
  for (;;) {
    const ran = await sql.begin(async (sql) => {
      const [lock] = await sql<
        [{ mine: boolean }]
      >`select pg_try_advisory_xact_lock(hashtext('archiver users')) as mine`
      return lock.mine ? { result: await work(sql) } : undefined
    })
    if (ran) return ran.result as Result
    // waiting without a connection: whoever has the lock may need one more of this pool
    await sleep(20)
  }
}

/**
 * The token named by its SHA-256, as base64url; its use is noted, to the minute: who asks often must not write as often.
 * Null: none of that hash, or its user is gone or shut out.
 */
export async function useToken(sql: Sql, hash: string): Promise<TokenUse | null> {
  const [found] = await sql<(TokenUse & { key_id: string; noted: boolean })[]>`
    select u.id, u.username, u.email, u.role, k.permissions::jsonb #>> '{role,0}' as token_role,
      coalesce(k."expiresAt" <= now(), false) as expired,
      k.id as key_id, coalesce(k."lastRequest" > now() - interval '1 minute', false) as noted
    from auth.apikey as k
    join auth."user" as u on u.id = k."referenceId"
    where k.key = ${hash} and k.enabled and not (coalesce(u.banned, false) and coalesce(u."banExpires" > now(), true))`
  if (!found) return null
  const { key_id, noted, ...use } = found
  if (!use.expired && !noted) await sql`update auth.apikey set "lastRequest" = now() where id = ${key_id}`
  return use
}

export interface TokenUse {
  /** The user's. */
  id: string
  username: string | null
  email: string
  role: string | null
  token_role: string | null
  expired: boolean
}

export interface Token {
  id: string
  name: string
  role: Role
  expires_at: Date | null
  last_used_at: Date | null
  created_at: Date
}

/** Newest first. */
export async function listTokens(sql: Sql, userId: string): Promise<Token[]> {
  return sql<Token[]>`
    select id, coalesce(name, '') as name, coalesce(permissions::jsonb #>> '{role,0}', 'viewer') as role,
      "expiresAt" as expires_at, "lastRequest" as last_used_at, "createdAt" as created_at
    from auth.apikey where "referenceId" = ${userId}
    order by "createdAt" desc, id`
}

/** Throws NotFound, for another user's token too. */
export async function deleteToken(sql: Sql, userId: string, id: string): Promise<void> {
  const { count } = await sql`delete from auth.apikey where id = ${id} and "referenceId" = ${userId}`
  if (count === 0) throw new NotFound('You have no token of this id')
}

/** Stores the token that the environment gives, in place of the one it gave before. It belongs to the oldest admin. */
export async function keepEnvironmentToken(sql: Sql, hash: string): Promise<void> {
  await sql`
    insert into auth.apikey (id, "configId", name, "referenceId", key, enabled, "rateLimitEnabled", "requestCount",
      permissions, "createdAt", "updatedAt")
    select 'environment', 'default', 'API_TOKEN', u.id, ${hash}, true, false, 0, '{"role":["admin"]}', now(), now()
    from auth."user" as u where u.role = 'admin' order by u."createdAt", u.id limit 1
    on conflict (id) do update set key = excluded.key, "updatedAt" = now()
    where apikey.key <> excluded.key`
}

/** Seconds until another try is allowed for any of these keys; 0 when it is allowed now. */
export async function secondsUntilSignIn(
  sql: Sql,
  limits: { key: string; failures: number }[],
  windowSeconds: number,
): Promise<number> {
  const [row] = await sql<[{ seconds: number }]>`
    select coalesce(ceil(max(extract(epoch from f.since + make_interval(secs => ${windowSeconds}) - now()))), 0)::integer as seconds
    from auth.sign_in_failures as f
    join unnest(${limits.map(({ key }) => key)}::text[], ${limits.map(({ failures }) => failures)}::integer[]) as l (key, failures)
      on l.key = f.key
    where f.failures >= l.failures and f.since > now() - make_interval(secs => ${windowSeconds})`
  return row.seconds
}

/** Counts a wrong password; a window that has passed begins anew, and forgotten ones are removed. */
export async function noteSignInFailure(sql: Sql, keys: string[], windowSeconds: number): Promise<void> {
  await sql`delete from auth.sign_in_failures where since < now() - make_interval(secs => ${windowSeconds})`
  await sql`
    insert into auth.sign_in_failures as f (key, failures, since)
    select key, 1, now() from unnest(${keys}::text[]) as key order by key
    on conflict (key) do update set failures = f.failures + 1`
}

export async function forgetSignInFailures(sql: Sql, key: string): Promise<void> {
  await sql`delete from auth.sign_in_failures where key = ${key}`
}

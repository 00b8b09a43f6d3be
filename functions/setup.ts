// The first admin, made once: by whoever opens the page first, or by the environment.
import { defaultKeyHasher } from '@better-auth/api-key'
import { Conflict } from 'db/domain/errors'
import { registerHost } from 'db/queries/hosts'
import { forgetHalfMadeUsers, hasUsers, keepEnvironmentToken, whileUsersAreLocked } from 'db/queries/users'
import type { Sql } from 'db/connect'
import type { Auth } from './auth.ts'
import type { Config } from './config.ts'

export interface NewAdmin {
  username: string
  email: string
  password: string
}

interface Parts {
  sql: Sql
  auth: Auth
  config: Pick<Config, 'apiToken'>
}

/** What the environment asks for; safe at every start and in several servers at once. */
export async function setUpUnattended(
  parts: Parts,
  config: Pick<Config, 'admin' | 'agent' | 'apiToken'>,
): Promise<void> {
  const { admin, agent } = config
  if (admin) await whoeverIsFirst(parts, admin)
  await storeApiToken(parts)
  if (agent) await whileUsersAreLocked(parts.sql, () => registerHost(parts.sql, agent.name, agent.password))
}

/** Throws Conflict when there is a user already, however many ask at the same time. */
export async function createFirstAdmin(parts: Parts, admin: NewAdmin): Promise<void> {
  if (!(await whoeverIsFirst(parts, admin))) {
    throw new Conflict('Docker Archiver has been set up already. Sign in with the name and password chosen then')
  }
  await storeApiToken(parts)
}

async function whoeverIsFirst({ sql, auth }: Parts, { username, email, password }: NewAdmin): Promise<boolean> {
  return whileUsersAreLocked(sql, async (locked) => {
    if (await hasUsers(locked)) return false
    await forgetHalfMadeUsers(sql)
    await auth.api.createUser({ body: { email, password, name: username, role: 'admin', data: { username } } })
    return true
  })
}

/** API_TOKEN needs a user to belong to: without ADMIN_… it waits for the setup page. */
async function storeApiToken({ sql, config }: Parts): Promise<void> {
  if (config.apiToken) await keepEnvironmentToken(sql, await defaultKeyHasher(config.apiToken))
}

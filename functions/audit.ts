// Keeps who changed, ran or downloaded what. Routes call it once the change is made.
import type { Query } from 'db/connect'
import { writeAudit } from 'db/queries/audit'
import type { Context } from 'hono'
import type { Env } from './context.ts'

/** `detail` says what helps to understand it later; never a password, a token, or what either could be made from. */
export async function audit(
  sql: Query,
  c: Context<Env>,
  action: `${string}.${string}`,
  resource: string,
  id: number | string,
  detail: Record<string, unknown> = {},
): Promise<void> {
  // doors that need no sign-in have no user
  const user = c.get('user') as Env['Variables']['user'] | undefined
  await auditAs(sql, c, user && { id: user.id, name: user.username }, action, resource, id, detail)
}

/** For doors where somebody becomes known, or leaves. */
export async function auditAs(
  sql: Query,
  c: Context<Env>,
  who: { id: string; name: string } | undefined,
  action: `${string}.${string}`,
  resource: string,
  id: number | string,
  detail: Record<string, unknown> = {},
): Promise<void> {
  await writeAudit(sql, {
    user_id: who?.id ?? null,
    user_name: who?.name ?? '',
    by_token: c.get('byToken') ?? false,
    action,
    resource,
    resource_id: String(id),
    detail,
    address: c.get('address') ?? '',
  })
}

// Who changed, ran or downloaded what.
import type { Query, Sql } from '../connect.ts'

export interface AuditEntry {
  id: number
  at: Date
  /** Null: nobody was signed in, or the server did it itself. */
  user_id: string | null
  user_name: string
  by_token: boolean
  /** What was done to what, such as `archive.create`. */
  action: string
  resource: string
  resource_id: string
  detail: Record<string, unknown>
  /** Of whoever asked; empty where it is not known. */
  address: string
}

export async function writeAudit(sql: Query, entry: Omit<AuditEntry, 'id' | 'at'>): Promise<void> {
  const { user_id, user_name, by_token, action, resource, resource_id, detail, address } = entry
  await sql`
    insert into archiver.audit_log (user_id, user_name, by_token, action, resource, resource_id, detail, address)
    values (${user_id}, ${user_name}, ${by_token}, ${action}, ${resource}, ${resource_id}, ${JSON.stringify(detail)}::text::jsonb, ${address})`
}

export interface AuditFilter {
  user_id?: string | undefined
  /** An action such as `archive.create`, or all of a kind: `archive`. */
  action?: string | undefined
  resource?: string | undefined
  resource_id?: string | undefined
  /** Only entries older than this id. */
  before?: number | undefined
  limit: number
}

/** Newest first. */
export async function listAudit(sql: Sql, filter: AuditFilter): Promise<AuditEntry[]> {
  const { user_id = null, action = null, resource = null, resource_id = null, before = null } = filter
  return sql<AuditEntry[]>`
    select * from archiver.audit_log
    where (${user_id}::text is null or user_id = ${user_id})
      and (${action}::text is null or action = ${action} or starts_with(action, ${`${action ?? ''}.`}))
      and (${resource}::text is null or resource = ${resource})
      and (${resource_id}::text is null or resource_id = ${resource_id})
      and (${before}::bigint is null or id < ${before})
    order by id desc
    limit ${filter.limit}`
}

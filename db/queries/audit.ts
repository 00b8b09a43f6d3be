// Who changed, ran or downloaded what.
import type { Query } from '../connect.ts'

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

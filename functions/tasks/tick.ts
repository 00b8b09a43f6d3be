// Each minute: says which agents have gone silent while they work.
import type { Sql } from 'db/connect'
import { markOutOfContact } from 'db/queries/jobs'

export async function tick(sql: Sql): Promise<void> {
  await markOutOfContact(sql)
}

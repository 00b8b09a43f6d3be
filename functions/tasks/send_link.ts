// A backup is there to be downloaded: has the link mailed to those who asked for it.
import type { Sql } from 'db/connect'
import { queueMail } from 'db/queries/mails'
import * as z from 'zod'

const Payload = z.object({ download_id: z.number(), recipients: z.array(z.string()) })

/** `id`: of this piece of work; running it again changes nothing. */
export async function send_link(sql: Sql, payload: unknown, id: string): Promise<void> {
  const { download_id, recipients } = Payload.parse(payload)
  await queueMail(sql, { kind: 'link', download_id, asked_by: `send_link ${id}`, recipients })
}

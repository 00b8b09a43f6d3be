// A job has ended: decides by the settings whether anybody is told of it, and whom.
import type { Sql } from 'db/connect'
import { isFinished } from 'db/domain/job'
import { everybody, queueMail } from 'db/queries/mails'
import { readReport } from 'db/queries/report'
import { readSettings } from 'db/queries/settings'
import * as z from 'zod'
import { mailFor } from '../mail/job-mail.ts'

const Payload = z.object({ job_id: z.number() })

/** Running it again changes nothing. */
export async function send_report(sql: Sql, payload: unknown): Promise<void> {
  const { job_id } = Payload.parse(payload)
  const settings = await readSettings(sql, 'notifications')
  if (settings.smtp_server === '') return
  const report = await readReport(sql, job_id)
  if (!report) return
  if (!isFinished(report.job.status)) throw new Error(`Job ${job_id} has not ended; there is nothing to report yet`)
  const kind = mailFor(report, settings)
  if (kind === null) return
  const recipients = await everybody(sql, settings.default_recipients)
  await queueMail(sql, { kind, job_id, asked_by: `job ${job_id}`, recipients })
}

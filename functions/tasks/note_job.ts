// Says in this server's own log that a job was asked for, began or ended; its steps are in the job's log.
import type { Sql } from 'db/connect'
import { isFinished, jobStatuses } from 'db/domain/job'
import { findJob } from 'db/queries/jobs'
import type { Logger } from 'pino'
import * as z from 'zod'

const Payload = z.object({ job_id: z.number(), status: z.enum(jobStatuses) })

export async function note_job(sql: Sql, log: Logger, payload: unknown): Promise<void> {
  const { job_id, status } = Payload.parse(payload)
  const job = await findJob(sql, job_id)
  if (!job) return
  const { job_type, archive_id, archive_name, triggered_by, is_dry_run } = job
  const about = { job_id, job_type, archive_id, archive_name, triggered_by, is_dry_run, status }
  if (!isFinished(status)) return log.info(about, status === 'queued' ? 'a job was asked for' : 'a job has begun')
  const { reason, duration_seconds, total_size_bytes } = job
  const level = status === 'failed' ? 'error' : status === 'success' ? 'info' : 'warn'
  return log[level]({ ...about, reason, duration_seconds, total_size_bytes }, 'a job has ended')
}

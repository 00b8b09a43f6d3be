// What jobs that care for existing backups have in common.
import type { Query } from '../connect.ts'
import type { LogLevel } from '../domain/job.ts'

/** About the whole job. */
export async function writeLogLine(sql: Query, jobId: number, level: LogLevel, text: string): Promise<void> {
  await sql`select archiver.write_log(${jobId}, null, ${level}, ${text})`
}

/** Closes what waits for a host whose agent has been silent for five minutes, with the reason. */
export async function closeUnreachableCare(sql: Query): Promise<void> {
  await sql`select archiver.close_unreachable_care()`
}

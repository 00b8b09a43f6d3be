// The last task of a job has ended: closes the job, with the totals as its last log lines.
import type { Sql } from 'db/connect'
import { finishJob, type Job, type JobStack } from 'db/queries/jobs'
import * as z from 'zod'

const Payload = z.object({ job_id: z.number() })

/** Running it again changes nothing. */
export async function finish_job(sql: Sql, payload: unknown): Promise<void> {
  await finishJob(sql, Payload.parse(payload).job_id, closingLines)
}

function closingLines(job: Job, stacks: JobStack[]): { level: 'info' | 'warn' | 'error'; text: string }[] {
  const backups = stacks.filter((stack) => stack.archive_size_bytes !== null)
  const downtime = stacks.reduce((sum, stack) => sum + (stack.downtime_seconds ?? 0), 0)
  const good = stacks.filter((stack) => stack.status === 'success' || stack.status === 'warning').length
  return [
    {
      level: 'info',
      text:
        `Phase 3: ${good} of ${count(stacks.length, 'stack')} archived, ${count(backups.length, 'backup')} of ` +
        `${sizeInWords(job.total_size_bytes)} in ${timeInWords(job.duration_seconds ?? 0)}, stopped for ${timeInWords(downtime)} in all`,
    },
    ...stacks
      .filter((stack) => stack.status !== 'success')
      .map((stack) => ({
        level: stack.status === 'warning' ? ('warn' as const) : ('error' as const),
        text: `Phase 3: stack ${stack.stack_name}: ${stack.status}${stack.reason && `, ${stack.reason}`}`,
      })),
    { level: levelOf[job.status] ?? 'info', text: `Phase 3: the job has ended: ${job.status}` },
  ]
}

const levelOf: Partial<Record<Job['status'], 'warn' | 'error'>> = {
  warning: 'warn',
  cancelled: 'warn',
  failed: 'error',
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

export function sizeInWords(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

export function timeInWords(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

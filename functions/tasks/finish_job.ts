// The last task of a job has ended: has retention follow an archive, and closes the job, with the totals as its last log lines.
import type { Query, Sql } from 'db/connect'
import { binarySize, counted } from 'db/domain/size'
import { finishJob, type EndedJob, type LogText } from 'db/queries/job-end'
import type { Job } from 'db/queries/jobs'
import * as z from 'zod'
import { applyRetention } from '../retention.ts'

const Payload = z.object({ job_id: z.number() })

/** Running it again changes nothing. */
export async function finish_job(sql: Sql, payload: unknown): Promise<void> {
  await finishJob(sql, Payload.parse(payload).job_id, nextPhase, closingLines)
}

/** Resolves with true when there is more to wait for. */
async function nextPhase(sql: Query, job: Job): Promise<boolean> {
  const isWanted = job.job_type === 'archive' || job.job_type === 'retention'
  if (!isWanted || job.phase >= 2 || job.cancel_requested_at !== null) return false
  if (job.job_type === 'archive' && job.is_dry_run && !job.options.dry_run?.run_retention) return false
  return applyRetention(sql, job)
}

function closingLines(ended: EndedJob): LogText[] {
  const { job, stacks } = ended
  return [
    { level: 'info', text: `Phase 3: ${totalsOf(ended)}` },
    ...ended.disks.flatMap(({ host, disk }) => (disk ? [{ level: 'info' as const, text: diskText(host, disk) }] : [])),
    ...stacks
      .filter((stack) => stack.status !== 'success')
      .map((stack) => ({
        level: stack.status === 'warning' ? ('warn' as const) : ('error' as const),
        text: `Phase 3: stack ${stack.stack_name}: ${stack.status}${stack.reason && `, ${stack.reason}`}`,
      })),
    { level: levelOf[job.status] ?? 'info', text: `Phase 3: the job has ended: ${job.status}` },
  ]
}

function totalsOf({ job, stacks, care }: EndedJob): string {
  const took = `in ${timeInWords(job.duration_seconds ?? 0)}`
  const freed = job.reclaimed_bytes > 0 ? `, ${binarySize(job.reclaimed_bytes)} freed` : ''
  if (job.job_type !== 'archive') {
    const things = job.job_type === 'retention' ? counted(stacks.length, 'stack') : counted(care.length, 'task')
    return `${job.job_type} of ${things} ${took}${freed}`
  }
  const good = stacks.filter((stack) => stack.status === 'success' || stack.status === 'warning').length
  if (job.is_dry_run) return `dry run of ${counted(stacks.length, 'stack')} ${took}; nothing was changed`
  const backups = stacks.filter((stack) => stack.archive_size_bytes !== null)
  const downtime = stacks.reduce((sum, stack) => sum + (stack.downtime_seconds ?? 0), 0)
  return (
    `${good} of ${counted(stacks.length, 'stack')} archived, ${counted(backups.length, 'backup')} of ` +
    `${binarySize(job.total_size_bytes)} ${took}, stopped for ${timeInWords(downtime)} in all${freed}`
  )
}

function diskText(host: string, { total_bytes, free_bytes }: { total_bytes: number; free_bytes: number }): string {
  const used = total_bytes - free_bytes
  const percent = total_bytes > 0 ? Math.round((used / total_bytes) * 100) : 0
  return `Phase 3: disk of host ${host}: ${binarySize(used)} of ${binarySize(total_bytes)} used (${percent} %), ${binarySize(free_bytes)} free`
}

const levelOf: Partial<Record<Job['status'], 'warn' | 'error'>> = {
  warning: 'warn',
  cancelled: 'warn',
  failed: 'error',
}

export function timeInWords(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

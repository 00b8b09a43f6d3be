// What the mail about a finished job says: a report, an error, a cleanup, or backups that cannot be read any more.
import type { JobStatus } from 'db/domain/job'
import type { Settings } from 'db/domain/settings'
import { binarySize, counted } from 'db/domain/size'
import type { MailKind } from 'db/queries/mails'
import type { Report, ReportedJobStack } from 'db/queries/report'
import { timeInWords } from '../tasks/finish_job.ts'
import type { Block } from './document.ts'

export interface Surroundings {
  /** Where people reach us, without a slash at its end. */
  origin: string
  /** IANA; of the times in the mail. */
  timeZone: string
  detail: Settings['notifications']['detail']
}

export interface Contents {
  subject: string
  blocks: Block[]
}

type JobMailKind = Exclude<MailKind, 'link' | 'test'>

/** The kind of mail that this job is worth by these settings; null: none. */
export function mailFor(
  { job, damaged }: Report,
  settings: Pick<Settings['notifications'], 'on_success' | 'on_error' | 'on_cleanup'>,
): JobMailKind | null {
  const wentWell = job.status === 'success'
  switch (job.job_type) {
    case 'verify':
      if (!settings.on_error || wentWell) return null
      return damaged.length > 0 ? 'corrupt' : 'error'
    case 'cleanup':
      // whoever checks permissions, or moves a backup to the trash, looks on
      if (job.options.action === undefined && settings.on_cleanup) return 'cleanup'
      return settings.on_error && !wentWell ? 'error' : null
    case 'archive':
      if (job.is_dry_run) return null
      if (wentWell) return settings.on_success ? 'report' : null
      return settings.on_error ? 'error' : null
    default:
      return settings.on_error && job.status === 'failed' && !job.is_dry_run ? 'error' : null
  }
}

export function jobMail(report: Report, around: Surroundings): Contents {
  const title = titleOf(report)
  const full = around.detail === 'full'
  const link: Block = {
    is: 'link',
    text: `Open job ${report.job.id}`,
    href: `${around.origin}/history/${report.job.id}`,
  }
  const blocks: Block[] = full ? fullOf(report, around) : shortOf(report)
  return { subject: title, blocks: [{ is: full ? 'heading' : 'paragraph', text: title }, ...blocks, link] }
}

const ended: Record<JobStatus, string> = {
  queued: 'queued',
  running: 'running',
  success: 'succeeded',
  warning: 'ended with warnings',
  failed: 'failed',
  cancelled: 'was cancelled',
}

function titleOf({ job, stacks, damaged }: Report): string {
  const dry = job.is_dry_run ? ' (dry run)' : ''
  if (job.job_type === 'archive')
    return `Archive ${job.archive_name} ${ended[job.status]}: ${goodOf(stacks)} of ${counted(stacks.length, 'stack')}${dry}`
  if (damaged.length > 0) return `${counted(damaged.length, 'backup')} cannot be restored from any more`
  const name = {
    retention: 'Retention',
    cleanup: 'Cleanup',
    restore: 'Restore',
    verify: 'Verify',
    download: 'Download',
  }
  return `${name[job.job_type]}${job.archive_name && ` of ${job.archive_name}`} ${ended[job.status]}${dry}`
}

function goodOf(stacks: ReportedJobStack[]): number {
  return stacks.filter(({ status }) => status === 'success' || status === 'warning').length
}

function downtimeOf(stacks: ReportedJobStack[]): number {
  return stacks.reduce((sum, { downtime_seconds }) => sum + (downtime_seconds ?? 0), 0)
}

function shortOf({ job, stacks, damaged }: Report): Block[] {
  const totals = [
    ...(job.job_type === 'archive'
      ? [`${binarySize(job.total_size_bytes)}, stopped for ${timeInWords(downtimeOf(stacks))}`]
      : []),
    ...(job.duration_seconds === null ? [] : [`took ${timeInWords(job.duration_seconds)}`]),
    ...(job.reclaimed_bytes > 0 ? [`freed ${binarySize(job.reclaimed_bytes)}`] : []),
  ]
  const troubles = [
    ...stacks.filter(({ status }) => status !== 'success').map(troubleOf),
    ...(stacks.length === 0 && job.reason ? [job.reason] : []),
    ...damaged.map(({ stack_name, path, verify_error }) => `${stack_name}: ${path}: ${verify_error}`),
  ]
  return [
    ...(totals.length > 0 ? [{ is: 'paragraph' as const, text: totals.join(', ') }] : []),
    ...(troubles.length > 0 ? [{ is: 'list' as const, items: few(troubles, 10) }] : []),
  ]
}

function troubleOf({ stack_name, status, reason }: ReportedJobStack): string {
  return `${stack_name}: ${status}${reason && `, ${reason}`}`
}

function fullOf(report: Report, around: Surroundings): Block[] {
  const { job, stacks } = report
  return [
    factsOf(report, around),
    ...(stacks.length === 0 && job.reason ? [{ is: 'paragraph' as const, text: job.reason }] : []),
    ...damagedOf(report, around),
    ...backupsOf(stacks),
    ...disksOf(report),
    ...retentionOf(report),
    ...findingsOf(report),
    ...stacks.flatMap(detailsOf),
  ]
}

function factsOf({ job, stacks }: Report, { timeZone }: Surroundings): Block {
  const archive = job.job_type === 'archive'
  const time = (at: Date | null) => (at === null ? 'not' : timeIn(timeZone, at))
  return {
    is: 'facts',
    rows: [
      ['Status', job.status],
      ...(archive
        ? ([
            ['Stacks', `${goodOf(stacks)} of ${stacks.length} archived`],
            ['Size', binarySize(job.total_size_bytes)],
            ['Downtime', timeInWords(downtimeOf(stacks))],
          ] satisfies [string, string][])
        : []),
      ['Duration', job.duration_seconds === null ? 'none' : timeInWords(job.duration_seconds)],
      [archive ? 'Freed by retention' : 'Freed', binarySize(job.reclaimed_bytes)],
      ['Started', `${time(job.start_time)} (${job.triggered_by})`],
      ['Ended', time(job.end_time)],
    ],
  }
}

function damagedOf({ damaged }: Report, { timeZone }: Surroundings): Block[] {
  if (damaged.length === 0) return []
  return [
    {
      is: 'paragraph',
      text:
        'These backups were read back, and are not what they were when they were made. They no longer count for retention. ' +
        'Run their archives soon, and look at the disk that holds them.',
    },
    {
      is: 'table',
      head: ['Stack', 'Host', 'Backup', 'Made', 'What is wrong'],
      rows: damaged
        .slice(0, 100)
        .map((one) => [one.stack_name, one.host, one.path, timeIn(timeZone, one.created_at), one.verify_error]),
    },
  ]
}

function backupsOf(stacks: ReportedJobStack[]): Block[] {
  const made = stacks.filter(({ archive_size_bytes }) => archive_size_bytes !== null)
  if (made.length === 0) return []
  return [
    { is: 'heading', text: 'Backups' },
    {
      is: 'table',
      head: ['Stack', 'Host', 'Size', 'Files', 'Downtime', 'Path'],
      rows: made.map((stack) => [
        stack.stack_name,
        stack.host ?? '',
        binarySize(stack.archive_size_bytes ?? 0),
        String(stack.file_count ?? ''),
        stack.downtime_seconds === null ? 'none' : timeInWords(stack.downtime_seconds),
        stack.archive_path ?? '',
      ]),
    },
  ]
}

function disksOf({ disks }: Report): Block[] {
  if (disks.length === 0) return []
  return [
    { is: 'heading', text: 'Disk usage' },
    {
      is: 'table',
      head: ['Host', 'Used', 'Free', 'Of'],
      rows: disks.map(({ host, disk }) => {
        if (disk === null) return [host, 'not known', '', '']
        const used = disk.total_bytes - disk.free_bytes
        const share = disk.total_bytes === 0 ? 0 : Math.round((100 * used) / disk.total_bytes)
        return [host, `${binarySize(used)} (${share} %)`, binarySize(disk.free_bytes), binarySize(disk.total_bytes)]
      }),
    },
  ]
}

function retentionOf({ job }: Report): Block[] {
  const { retention = [] } = job.results
  if (retention.length === 0) return []
  return [
    { is: 'heading', text: 'Retention' },
    {
      is: 'table',
      head: ['Stack', 'Kept', 'Removed', 'Freed', 'Waits'],
      rows: retention.map((one) => [
        one.stack_name,
        String(one.kept),
        String(one.removed),
        binarySize(one.bytes),
        one.waits,
      ]),
    },
  ]
}

function findingsOf({ job }: Report): Block[] {
  const { findings = [] } = job.results
  if (job.job_type !== 'cleanup') return []
  if (findings.length === 0) return [{ is: 'paragraph', text: 'There was nothing to clean up.' }]
  const shown = findings.slice(0, 100)
  return [
    { is: 'heading', text: 'What was found' },
    {
      is: 'table',
      head: ['Task', 'Done', 'Size', 'What'],
      rows: shown.map((one) => [one.task.replaceAll('_', ' '), one.did, binarySize(one.bytes), one.text]),
    },
    ...(findings.length > shown.length
      ? [{ is: 'paragraph' as const, text: `And ${findings.length - shown.length} more; the job's log has all.` }]
      : []),
  ]
}

function detailsOf(stack: ReportedJobStack): Block[] {
  const { status, reason, not_covered, pull } = stack
  if (status === 'success' && not_covered.length === 0 && pull === null) return []
  return [
    { is: 'heading', text: `Stack ${stack.stack_name}: ${status}` },
    ...(reason ? [{ is: 'paragraph' as const, text: reason }] : []),
    ...(not_covered.length > 0
      ? [
          { is: 'paragraph' as const, text: 'Volumes and bind mounts that are not in the backup:' },
          { is: 'list' as const, items: few(not_covered, 50) },
        ]
      : []),
    ...(pull
      ? [
          {
            is: 'paragraph' as const,
            text: `Pulling images: ${pulled[pull.status]}${pull.reason && `, ${pull.reason}`}`,
          },
          ...(pull.lines.length > 0 ? [{ is: 'output' as const, lines: pull.lines.slice(-50) }] : []),
        ]
      : []),
  ]
}

const pulled = { pulled: 'done', failed: 'failed', timed_out: 'given up' }

function few(items: string[], most: number): string[] {
  return items.length <= most ? items : [...items.slice(0, most), `and ${items.length - most} more`]
}

export function timeIn(timeZone: string, at: Date): string {
  return (
    new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone }).format(at) + ` ${timeZone}`
  )
}

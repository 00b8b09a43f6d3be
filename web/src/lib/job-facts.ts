// What a job's rows come to: its name, its phases and steps with their times, how fast it is, and what to do about a reason.
import { isFinished } from 'db/domain/job'
import { phases, type Phase, type Step } from 'db/domain/task'
import type { Job, JobStack } from './rows.ts'
import { words } from './words.ts'

/** What a job is called where there is room for one text. */
export function titleOf({ job_type, archive_name, options, triggered_by }: Job): string {
  const { titles } = words.job
  const backups = options.backup_ids?.length ?? 0
  if (options.action === 'permissions') return titles.permissions
  if (options.action === 'trash_backups') return titles.trash(backups, archive_name)
  if (options.action === 'untrash_backups') return titles.untrash(backups, archive_name)
  if (job_type === 'cleanup') return titles.cleanup
  if (job_type === 'verify')
    return triggered_by === 'schedule' ? titles.rollingVerify : titles.verify(backups, archive_name)
  if (job_type === 'retention') return titles.retention(archive_name)
  if (job_type === 'download') return titles.download(archive_name)
  if (job_type === 'restore') return titles.restore(archive_name)
  return archive_name
}

export interface Part<Name> {
  name: Name
  state: 'done' | 'now' | 'ahead' | 'skipped' | 'failed'
  at: Date | null
  /** So far, where it is the present one. */
  seconds: number | null
}

/** Phases 0 to 3 of an archive or of retention; of other jobs there are none. */
export function phasesOf(job: Job, now: Date): Part<0 | 1 | 2 | 3>[] {
  if (job.job_type !== 'archive' && job.job_type !== 'retention') return []
  const finished = isFinished(job.status)
  const begun = [
    job.created_at,
    job.job_type === 'archive' ? job.start_time : null,
    job.phase_times['2'],
    job.phase_times['3'],
  ]
  const times = begun.map((at) => (at ? new Date(at) : null))
  const names = ([0, 1, 2, 3] as const).filter((name) => name !== 1 || job.job_type === 'archive')
  return names.map((name) => {
    const at = times[name] ?? null
    const next = times.slice(name + 1).find((time) => time !== null) ?? (job.end_time ? new Date(job.end_time) : null)
    if (at === null) return { name, state: finished ? 'skipped' : 'ahead', at, seconds: null }
    return { name, state: next ? 'done' : 'now', at, seconds: secondsBetween(at, next ?? now) }
  })
}

/** The steps of archiving a stack; without those its archive does not need. */
export function stepsOf(
  stack: Pick<JobStack, 'steps' | 'progress' | 'end_time'> & { status?: JobStack['status'] },
  now: Date,
): Part<Phase>[] {
  const running = stack.end_time === null
  const current = running ? (stack.progress?.phase ?? null) : null
  const begun = new Map<Phase, Step>()
  for (const step of stack.steps) if (!begun.has(step.phase)) begun.set(step.phase, step)
  const at = current === null ? -1 : phases.indexOf(current)
  return phases.map((name, index) => {
    const step = begun.get(name)
    const following = stack.steps[stack.steps.findIndex((one) => one === step) + 1]
    const end = following?.at ?? stack.end_time
    const seconds = step ? secondsBetween(new Date(step.at), end ? new Date(end) : now) : null
    const passed = step !== undefined || index < at
    const brokeOff = stack.status === 'failed' && step !== undefined && step === stack.steps.at(-1)
    const state = name === current ? 'now' : brokeOff ? 'failed' : passed ? 'done' : running ? 'ahead' : 'skipped'
    return { name, state, at: step ? new Date(step.at) : null, seconds }
  })
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, (to.getTime() - from.getTime()) / 1000)
}

/** Bytes a second since the step began, and the seconds left where the whole is known; null while too little is. */
export function paceOf(
  { progress, steps }: Pick<JobStack, 'progress' | 'steps'>,
  now: Date,
): { speed: number; left: number | null } | null {
  if (progress === null || progress.bytes === 0) return null
  const since = steps.findLast(({ phase }) => phase === progress.phase)
  if (!since) return null
  const seconds = secondsBetween(new Date(since.at), now)
  if (seconds < 2) return null
  const speed = progress.bytes / seconds
  const rest = (progress.total_bytes ?? 0) - progress.bytes
  return { speed, left: isPacking(progress.phase) && rest > 0 ? rest / speed : null }
}

/** Steps whose bytes are those of the stack. */
export function isPacking(phase: Phase | undefined): boolean {
  return phase === 'read_ahead' || phase === 'pack'
}

const advice: [RegExp, keyof typeof words.job.advice][] = [
  [/No valid stacks found|no compose file has been seen|directory of the stack/i, 'gone'],
  [/not enough space|no space left|ENOSPC|disk is full/i, 'space'],
  [/could not be started|is down:|still down|ended right after/i, 'down'],
  [/longest its archive allows/i, 'downtime'],
  [/Use the mode live/i, 'live'],
  [/was restarted during this step|ended while it/i, 'restarted'],
  [/out of contact|has not been seen|has been seen yet/i, 'contact'],
  [/No backup can be written|EACCES|EROFS|read-only/i, 'write'],
  [/did not answer within|Docker.*(cannot|not) be reached|stops containers, which cannot/i, 'docker'],
  [/file system of the archives folder does not keep/i, 'format'],
  [/could not be read/i, 'unreadable'],
  [/changed while being read/i, 'changed'],
  [/What was read back|does not read back|corrupt/i, 'disk'],
]

/** What to do next about this reason; the first that fits. Empty: what there is to say is in the reason and the log. */
export function adviceFor(reason: string): string {
  const known = reason === '' ? undefined : advice.find(([pattern]) => pattern.test(reason))
  return known ? words.job.advice[known[1]] : ''
}

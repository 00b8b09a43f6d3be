// One execution, and what became of each stack in it.

export const jobTypes = ['archive', 'retention', 'cleanup', 'restore', 'verify', 'download'] as const
export type JobType = (typeof jobTypes)[number]

export const jobTriggers = ['manual', 'schedule', 'api', 'sql'] as const
export type JobTrigger = (typeof jobTriggers)[number]

export const jobStatuses = ['queued', 'running', 'success', 'warning', 'failed', 'cancelled'] as const
export type JobStatus = (typeof jobStatuses)[number]

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export function isFinished(status: JobStatus): boolean {
  return status !== 'queued' && status !== 'running'
}

/** The job's status from those of its stacks: one failed stack fails the job, and a cancelled one cancels it unless one failed. */
export function statusOfJob(stacks: readonly { status: JobStatus }[]): JobStatus {
  const has = (status: JobStatus) => stacks.some((stack) => stack.status === status)
  if (stacks.length === 0 || has('failed')) return 'failed'
  if (has('cancelled')) return 'cancelled'
  return has('warning') ? 'warning' : 'success'
}

/** The reason shown beside the status of a finished job; empty when there is nothing to say. */
export function reasonOfJob(stacks: readonly { stack_name: string; status: JobStatus; reason: string }[]): string {
  if (stacks.length === 0) return 'No valid stacks found'
  return stacks
    .filter((stack) => stack.status !== 'success' && stack.reason)
    .map((stack) => `${stack.stack_name}: ${stack.reason}`)
    .join('\n')
}

/** What a dry run is to say: what would be stopped, what would be archived, what retention would remove. */
export interface DryRun {
  stop_containers: boolean
  create_archive: boolean
  run_retention: boolean
}

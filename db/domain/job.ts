// One execution, and what became of each stack in it.
import type { CleanupTask } from './cleanup.ts'
import type { Finding, TaskKind } from './task.ts'

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

/** One thing a job did: archived a stack, removed old backups, cleaned up a host. */
export interface JobPart {
  name: string
  status: JobStatus
  reason: string
}

/** The job's status from those of its parts: one that failed fails the job, and a cancelled one cancels it unless one failed. */
export function statusOfJob(type: JobType, parts: readonly Pick<JobPart, 'status'>[]): JobStatus {
  const has = (status: JobStatus) => parts.some((part) => part.status === status)
  if (has('failed') || (parts.length === 0 && type === 'archive')) return 'failed'
  if (has('cancelled')) return 'cancelled'
  return has('warning') ? 'warning' : 'success'
}

/** The reason shown beside the status of a finished job; empty when there is nothing to say. */
export function reasonOfJob(type: JobType, parts: readonly JobPart[]): string {
  if (parts.length === 0 && type === 'archive') return 'No valid stacks found'
  return parts
    .filter((part) => part.status !== 'success' && part.reason)
    .map((part) => `${part.name}: ${part.reason}`)
    .join('\n')
}

/** What a dry run is to say: what would be stopped, what would be archived, what retention would remove. */
export interface DryRun {
  stop_containers: boolean
  create_archive: boolean
  run_retention: boolean
}

/** What a job was asked beyond its archive. */
export interface JobOptions {
  dry_run?: DryRun
  /** Of a cleanup. */
  tasks?: CleanupTask[]
  /** Of what a person asked about some backups, or about permissions. */
  action?: TaskKind | 'permissions'
  backup_ids?: number[]
}

/** What retention came to for one stack; in a dry run, what it would come to. */
export interface RetentionResult {
  stack_id: number
  stack_name: string
  kept: number
  removed: number
  /** Why nothing was removed although rules would; empty when nothing stood in the way. */
  waits: string
  /** Freed by it. */
  bytes: number
}

export interface JobResults {
  retention?: RetentionResult[]
  findings?: Finding[]
}

// One step of a job for one host's agent: what it is asked, what it tells while it works, what it answers.
import type { ArchiveFormat, ArchiveMode } from './archive.ts'
import type { JobStatus, LogLevel } from './job.ts'

export interface ArchiveStackPayload {
  stack: { path: string; name: string; folder: string; project: string; compose_file: string }
  archive: {
    name: string
    folder: string
    mode: ArchiveMode
    format: ArchiveFormat
    level: number
    include_volumes: boolean
    /** Seconds. */
    max_downtime: number
    time_zone: string
  }
  /** Bytes of this stack's last good backup in this archive, to judge free space by; 0 when there is none. */
  last_size_bytes: number
}

export interface AgentTask {
  id: number
  job_id: number
  kind: 'archive_stack'
  payload: ArchiveStackPayload
}

/** Steps of archiving a stack, in their order; shown while it runs. */
export const phases = ['resolve', 'stop', 'pack', 'start', 'verify', 'finish'] as const
export type Phase = (typeof phases)[number]

export interface TaskProgress {
  phase: Phase
  files: number
  bytes: number
  /** Expected bytes, from the last backup or a walk; null when unknown. */
  total_bytes: number | null
  /** When the first container was stopped, ISO 8601; null while the stack is up. */
  stopped_at: string | null
}

export interface TaskLogLine {
  /** Counts from 1 within the task; a line sent twice is stored once. */
  seq: number
  at: string
  level: LogLevel
  text: string
}

/** A file that carries its final name: complete, flushed, read back. */
export interface MadeBackup {
  /** Relative to the host's archives folder, with `/`. */
  path: string
  format: ArchiveFormat
  size_bytes: number
  file_count: number
  /** SHA-256 of the file, hex. */
  sha256: string
  created_at: string
  verified_at: string
  /** Entries that could not be read, or not wholly. */
  unreadable_count: number
}

export interface TaskOutcome {
  status: Exclude<JobStatus, 'queued' | 'running'>
  /** One text for people; empty on plain success. */
  reason: string
  was_running: boolean
  /** Seconds from the first stop to the last start; null when nothing was stopped. */
  downtime_seconds: number | null
  /** Absolute path on the host; null when no backup was made. */
  archive_path: string | null
  backup: MadeBackup | null
}

// One step of a job for one host's agent: what it is asked, what it tells while it works, what it answers.
import type { ArchiveFormat, ArchiveMode } from './archive.ts'
import type { DryRun, JobStatus, LogLevel } from './job.ts'
import type { CleanupTask } from './cleanup.ts'

export interface ArchiveStackPayload {
  stack: { path: string; name: string; folder: string; project: string; compose_file: string }
  archive: {
    name: string
    folder: string
    mode: ArchiveMode
    format: ArchiveFormat
    level: number
    include_volumes: boolean
    /** Bind mounts outside the stack's directory; missing in tasks of an older server. */
    include_bind_mounts?: boolean
    /** Patterns as in a .gitignore, for paths below the stack's directory and below each volume. */
    exclude: string[]
    /** Seconds. */
    max_downtime: number
    time_zone: string
  }
  /** Bytes of this stack's last good backup in this archive, to judge free space by; 0 when there is none. */
  last_size_bytes: number
  /** Not null: nothing is stopped, pulled, written or deleted; the log says what would have been. */
  dry_run: DryRun | null
  /** Not null: images are pulled after the archive, giving up after so many seconds (0: never) without output. */
  pull: { inactivity_timeout: number } | null
  /** Files we make get mode 0644, folders 0755; never inside a folder backup. */
  output_permissions: boolean
}

/** A backup as an agent is told of it. */
export interface KnownBackup {
  id: number
  /** Below the archives folder. */
  path: string
  format: ArchiveFormat
  size_bytes: number
  sha256: string
}

export interface CareOfBackups {
  backups: KnownBackup[]
}

/** What may be cleaned up on a host (`hostCleanupTasks`), and what the control plane knows of its archives folder. */
export interface CleanUpPayload {
  tasks: CleanupTask[]
  dry_run: boolean
  /** Backups that are to be there, by path: never touched. */
  known: string[]
  /** Backups whose archive is gone and took them along: to the trash. */
  orphans: KnownBackup[]
  /** `<archive>/<stack>` folders we made once; an empty one that is not in `used` is removed. */
  folders: string[]
  used: string[]
  /** Backups in the trash for longer than their grace. */
  expired_trash: (KnownBackup & { trash_path: string })[]
  /** Ids of backups whose prepared file is still wanted. */
  prepared: number[]
  /** Days in the trash before something is deleted. */
  trash_days: number
}

export interface SendBytesPayload {
  transfer: string
  /** Where the asking server takes the bytes; the secret goes with each request. */
  url: string
  secret: string
  /** Below the archives folder; a prepared file: its name in the folder for downloads. `size_bytes` is the whole file's. */
  source: { path: string; prepared: boolean; size_bytes: number }
  offset: number
  length: number
}

export interface PrepareDownloadPayload {
  backup: KnownBackup
  /** The file's name without its folder. */
  name: string
}

interface Payloads {
  archive_stack: ArchiveStackPayload
  /** For good; refused for the last good backup of a stack, and for too large a share at once. */
  delete_backups: CareOfBackups & { reason: string }
  /** To `<archives>/.trash`, from where they can be had back. */
  trash_backups: CareOfBackups
  untrash_backups: { backups: (KnownBackup & { trash_path: string })[] }
  verify_backups: CareOfBackups
  clean_up: CleanUpPayload
  /** fix false: only says what is wrong. */
  fix_permissions: { fix: boolean }
  send_bytes: SendBytesPayload
  prepare_download: PrepareDownloadPayload
}
export type TaskKind = keyof Payloads
/** A transfer is a step of no job. */
export type TaskOf<Kind extends TaskKind> = {
  id: number
  job_id: Kind extends 'send_bytes' ? null : number
  kind: Kind
  payload: Payloads[Kind]
}
export type AgentTask = { [Kind in TaskKind]: TaskOf<Kind> }[TaskKind]

/** Steps of archiving a stack, in their order; shown while it runs. */
export const phases = ['resolve', 'read_ahead', 'stop', 'pack', 'start', 'verify', 'finish'] as const
export type Phase = (typeof phases)[number]

export interface TaskProgress {
  phase: Phase
  files: number
  bytes: number
  /** Expected bytes, from the last backup or a walk; null when unknown. */
  total_bytes: number | null
  /** When the first container was stopped, ISO 8601; null while the stack is up. */
  stopped_at: string | null
  /** The steps so far, in order. */
  steps?: Step[]
}

/** When a step of archiving began, ISO 8601. */
export interface Step {
  phase: Phase
  at: string
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
  /** "frames:" and a SHA-256 in hex for a file with an index, which changes with any byte of what it holds; a SHA-256 for a folder. */
  sha256: string
  created_at: string
  verified_at: string
  /** Entries that could not be read, or not wholly. */
  unreadable_count: number
  /** Of the content of its files, and of that what was taken over from the backup before without being read. */
  content_bytes: number
  reused_bytes: number
}

/** A folder that a backup holds, and where: the stack's directory at the top, each volume below `_volumes`. */
export interface PackedSource {
  path: string
  prefix: string
}

/** What became of one existing backup. */
export interface CareResult {
  id: number
  did: 'deleted' | 'trashed' | 'restored' | 'verified' | 'corrupt' | 'missing' | 'kept'
  reason: string
  /** Freed by deleting it. */
  bytes: number
  trash_path?: string
}

/** Of every kind but archive_stack. */
export interface CareOutcome {
  status: Exclude<JobStatus, 'queued' | 'running'>
  reason: string
  backups: CareResult[]
  /** Of clean_up and fix_permissions: what was found and what became of it. */
  findings?: Finding[]
  /** Of prepare_download. */
  prepared?: { path: string; size_bytes: number; sha256: string }
}

export interface Finding {
  task: CleanupTask | 'permissions'
  /** Below the archives folder. */
  path: string
  did: 'removed' | 'trashed' | 'fixed' | 'reported'
  bytes: number
  text: string
}

/** What `docker compose pull` came to; `lines` are its final ones, without progress. */
export interface PullResult {
  status: 'pulled' | 'failed' | 'timed_out'
  reason: string
  lines: string[]
}

/** Of archive_stack. */
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
  /** Mounts that are not in the backup, with the reason. */
  not_covered: string[]
  /** What the backup holds; none when none was made. */
  packed?: PackedSource[]
  pull: PullResult | null
  steps?: Step[] | undefined
}

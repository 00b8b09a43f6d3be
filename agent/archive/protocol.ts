// What the agent and the archive process say to each other: one JSON object a line, requests on stdin, events on stdout.
// One request at a time; each is answered by any number of progress, note and warning events, then one `done` or `error`.
import type { ArchiveFormat } from 'db/domain/archive'

/** The formats that are one tar in one file. */
export type TarFormat = Exclude<ArchiveFormat, 'folder'>

/** A folder that goes into the archive. `path` is absolute, `prefix` its name inside the tar ("shop", "_volumes/shop_db"). */
export interface Source {
  path: string
  prefix: string
  /** When true, a folder that is missing or cannot be read is a note; otherwise it is an error and nothing is packed. */
  optional: boolean
}

/** A small file made by the caller, placed after all sources. */
export interface AppendedFile {
  name: string
  content: string
  mode: number
}

/** Days after which a backup is made of files that were all read again, whatever their times say. */
export const fullReadEvery = 30

/** Begins to pack: opens the sources and the backup, and reads nothing yet. */
export interface PackRequest {
  op: 'open'
  /** Absolute path of an existing file, or for the format folder of an existing folder; its content is replaced. */
  out: string
  format: ArchiveFormat
  /** 1 to 19 as for zstd; gzip takes what is above 9 for 9. */
  level: number
  sources: Source[]
  /** Absolute paths of folders or files that are left out with everything below them. */
  exclude: string[]
  /** What else is left out: patterns as in a .gitignore at the top of each source. */
  patterns: string[]
  append: AppendedFile[]
  /** Absolute path of an earlier backup of the same sources and format: where nothing changed, its frames or files are taken over. */
  previous: string | null
  /** Days after which every file is read again whatever its times say. */
  full_read_every: number
}

/** Packs an existing folder backup as a .tar.zst: the same entries that the stack's own .tar.zst would have. */
export interface PackFolderRequest {
  op: 'packFolder'
  folder: string
  /** Absolute path of an existing file; its content is replaced. */
  out: string
  level: number
}

/** Reads a backup back, in the state it lies on disk. */
export interface VerifyRequest {
  op: 'verify'
  /** Absolute path of a file, or of a folder for the format folder. */
  file: string
  format: ArchiveFormat
  /** Of one with an index: all of it, or the frames alone that stand there as read today, which packing leaves to be read. */
  frames: 'all' | 'of today'
}

/** Counts what packing would take, and reads no file. */
export interface SurveyRequest extends Pick<PackRequest, 'sources' | 'exclude' | 'patterns'> {
  op: 'survey'
}

/** The further steps of the packing that `open` began. */
export interface StepRequest {
  op: 'readAhead' | 'read' | 'finish'
}

export type EngineRequest = PackRequest | StepRequest | PackFolderRequest | VerifyRequest | SurveyRequest

export interface PackResult {
  /** Regular files of the sources, hard links to one counted each. */
  files: number
  directories: number
  /** Symbolic links, FIFOs and devices. */
  others: number
  /** All entries, appended files included. */
  entry_count: number
  /** Bytes of file content that were read for this backup. */
  bytes_read: number
  /** Bytes of file content that were taken over from an earlier backup. */
  reused_bytes: number
  /** Bytes of file content, appended files included. */
  content_bytes: number
  /** Bytes of the finished file; of a folder, those of the content of its files. */
  size_bytes: number
  /** Of the index beside it; 0 for a folder. */
  index_bytes: number
  /** "frames:" and the SHA-256 of its frames' SHA-256s; of a folder as described in tree-hash.ts. In hex. */
  sha256: string
  unreadable_count: number
  changed_count: number
  /** Entries whose owner, mode or time the file system of a folder backup did not take. */
  lost_count: number
}

export interface PackFolderResult {
  entry_count: number
  content_bytes: number
  size_bytes: number
}

export interface SurveyResult {
  /** Regular files, hard links to one counted once. */
  files: number
  /** Of their content. */
  bytes: number
}

export interface VerifyResult {
  entry_count: number
  content_bytes: number
  size_bytes: number
  /** As in PackResult; of a file without an index that of the file. */
  sha256: string
  /** Of a file: whether the index beside it is whole, and if not, why. Null for a folder, which has none. */
  index: 'whole' | 'missing' | 'damaged' | null
}

/** Sent at most four times a second: files and bytes of content dealt with so far. */
export type ProgressEvent = { type: 'progress'; files: number; bytes: number }

/**
 * A note is nothing to worry about (a file vanished, a socket was skipped); a warning means the archive lacks something.
 * `path` is the name in the archive in printable form; it is empty for the line that counts what was not listed.
 */
export type RemarkEvent = { type: 'note' | 'warning'; path: string; text: string }

export type EngineEvent = ProgressEvent | RemarkEvent

export type Result = PackResult | PackFolderResult | VerifyResult | SurveyResult | null

export type EngineReply = { type: 'done'; result: Result } | { type: 'error'; code: string; message: string }

/** Why the archive process could not do what it was asked. `code` is a system error code, or CORRUPT for a failed verify. */
export class EngineError extends Error {
  override name = 'EngineError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

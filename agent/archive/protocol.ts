// What the agent and the archive process say to each other: one JSON object a line, requests on stdin, events on stdout.
// One request at a time; each is answered by any number of progress, note and warning events, then one `done` or `error`.
import type { ArchiveFormat } from 'db/domain/archive'

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

export interface PackRequest {
  op: 'pack'
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
}

/** Packs an existing folder backup as a .tar.zst: the same entries that the stack's own .tar.zst would have. */
export interface PackFolderRequest {
  op: 'packFolder'
  folder: string
  /** Absolute path of an existing file; its content is replaced. */
  out: string
  level: number
}

/** Reads a backup back. If this process packed it, it must also be exactly what was written. */
export interface VerifyRequest {
  op: 'verify'
  /** Absolute path of a file, or of a folder for the format folder. */
  file: string
  format: ArchiveFormat
}

/** Counts what packing would take, and reads no file. */
export interface SurveyRequest extends Pick<PackRequest, 'sources' | 'exclude' | 'patterns'> {
  op: 'survey'
}

export type EngineRequest = PackRequest | PackFolderRequest | VerifyRequest | SurveyRequest

export interface PackResult {
  /** Regular files of the sources, hard links to one counted each. */
  files: number
  directories: number
  /** Symbolic links, FIFOs and devices. */
  others: number
  /** All entries, appended files included. */
  entry_count: number
  /** Bytes of file content taken from the sources. */
  bytes_read: number
  /** Bytes of file content, appended files included. */
  content_bytes: number
  /** Bytes of the finished file; of a folder, those of the content of its files. */
  size_bytes: number
  /** Of the finished file, in hex; of a folder as described in tree-hash.ts. */
  sha256: string
  unreadable_count: number
  changed_count: number
  /** Entries whose owner, mode or time the file system of a folder backup did not take. */
  lost_count: number
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
  sha256: string
  /** Whether the file was packed by this process and so could be compared with what was written. */
  compared: boolean
}

/** Sent at most four times a second: files and bytes of content dealt with so far. */
export type ProgressEvent = { type: 'progress'; files: number; bytes: number }

/**
 * A note is nothing to worry about (a file vanished, a socket was skipped); a warning means the archive lacks something.
 * `path` is the name in the archive in printable form; it is empty for the line that counts what was not listed.
 */
export type RemarkEvent = { type: 'note' | 'warning'; path: string; text: string }

export type EngineEvent = ProgressEvent | RemarkEvent

export type EngineReply =
  { type: 'done'; result: PackResult | VerifyResult | SurveyResult } | { type: 'error'; code: string; message: string }

/** Why the archive process could not do what it was asked. `code` is a system error code, or CORRUPT for a failed verify. */
export class EngineError extends Error {
  override name = 'EngineError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

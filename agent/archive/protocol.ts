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
  /** Absolute path of an existing file; its content is replaced. */
  out: string
  format: ArchiveFormat
  /** zstd level, 1 to 22. */
  level: number
  sources: Source[]
  /** Absolute paths of folders or files that are left out with everything below them. */
  exclude: string[]
  append: AppendedFile[]
}

/** Reads a file back. If this process packed it, it must also be exactly what was written. */
export interface VerifyRequest {
  op: 'verify'
  file: string
  format: ArchiveFormat
}

export type EngineRequest = PackRequest | VerifyRequest

export interface PackResult {
  /** Regular files of the sources, hard links to one counted each. */
  files: number
  directories: number
  /** Symbolic links, FIFOs and devices. */
  others: number
  /** All entries of the tar, appended files included. */
  entry_count: number
  /** Bytes of file content taken from the sources. */
  bytes_read: number
  /** Bytes of file content in the tar, appended files included. */
  content_bytes: number
  /** Bytes of the finished file. */
  size_bytes: number
  /** Of the finished file, in hex. */
  sha256: string
  unreadable_count: number
  changed_count: number
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
  { type: 'done'; result: PackResult | VerifyResult } | { type: 'error'; code: string; message: string }

/** Why the archive process could not do what it was asked. `code` is a system error code, or CORRUPT for a failed verify. */
export class EngineError extends Error {
  override name = 'EngineError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

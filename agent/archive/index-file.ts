// NAME.index beside a backup: its entries, group by group, and the frames that hold each group. With it one file is read
// without the rest, and the next backup takes over what has not changed.
//
// Lines of JSON in zstd frames of about 1 MiB: first the frames of a group
//   {"frames":[[offset, length, bytes of tar, "SHA-256 of the frame", day it was last read back, "print"], …], "of": section, "taken": true}
// then its entries, one a line, as the tar has them
//   ["f", name, mode, uid, gid, mtime, ctime, inode, size]   and "reread" behind it when it may have changed unseen
//   ["d" "p" "c" "b", name, mode, uid, gid, mtime, ctime, inode, device]
//   ["l", name, mode, uid, gid, mtime, ctime, inode, target]      ["h", name, first name]      ["a", name, mode, size]
// A name is text, or {"bytes": base64} where it is not UTF-8; times are ns since 1970 as text; days are since 1970. An entry that
// is the same has the same line: packing compares text. Behind the lines, in a skippable frame, the summary, and the
// SHA-256 of everything before it.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import zstd from 'zstd-napi/binding.js'
import type { TarFormat } from './protocol.ts'

export interface Frame {
  /** Where it begins in the backup. */
  offset: number
  /** In bytes, filling included. */
  length: number
  /** Bytes of tar in it. */
  raw: number
  /** SHA-256 of all of it, base64url. */
  hash: string
  /** Days since 1970. */
  read: number
  /** Of the tar in it, for parts of large files; see content-print.ts. */
  print?: string | undefined
}

/** In this order; folders last, because files that are unpacked into them move their times. */
export const sections = ['files', 'links', 'folders', 'made'] as const
export type Section = (typeof sections)[number]

export interface Group {
  of: Section
  frames: Frame[]
  lines: string[]
  /** From an earlier backup, without its entries being read. */
  taken: boolean
}

export interface IndexSummary {
  version: 2
  format: TarFormat
  level: number
  /** Bytes of the whole backup. */
  archive_bytes: number
  entries: number
  /** When the backup was made and when last every file was read for one, as UTC. */
  made_at: string
  full_read_at: string
  /** The last frame, which no other backup has. */
  last: Frame
  /** Of the prints. */
  key: string
}

/** Of a folder backup, whose lines are those of folder-index.ts. */
export type FolderSummary = Pick<IndexSummary, 'version' | 'entries' | 'made_at' | 'full_read_at'> & {
  format: 'folder'
}

export type AnySummary = IndexSummary | FolderSummary

const MiB = 1024 * 1024
export const summaryMagic = 0x184d2a51
export const hashLength = 32
/** Longest line that is believed: 64 KiB of name and of target, escaped, and some. */
const longestLine = MiB

/** The index is damaged, or of a version this one does not know. */
export class BadIndex extends Error {
  override name = 'BadIndex'
}

/** Opens an index and checks that every byte of it is as it was written. Throws BadIndex, or a system error. */
export function openIndex(path: string): IndexReader {
  return opened(path, (summary): summary is IndexSummary => summary.format !== 'folder')
}

/** As `openIndex`, of a folder backup. */
export function openFolderIndex(path: string): IndexReader<FolderSummary> {
  return opened(path, (summary): summary is FolderSummary => summary.format === 'folder')
}

function opened<Summary extends AnySummary>(
  path: string,
  isWanted: (summary: AnySummary) => summary is Summary,
): IndexReader<Summary> {
  const fd = openSync(path, 'r')
  try {
    const { summary, linesEnd } = readSummary(fd)
    if (!isWanted(summary)) throw new BadIndex(`it is of the format ${summary.format}`)
    return new IndexReader(fd, summary, linesEnd)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Throws BadIndex, or a system error. */
function readSummary(fd: number): { summary: AnySummary; linesEnd: number } {
  const size = fstatSync(fd).size
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(MiB)
  // the summary is small: the last 64 KiB have it, or nothing does
  const tail = Buffer.alloc(Math.min(size, 64 * 1024))
  if (size < 8 + hashLength) throw new BadIndex('it is too short')
  for (let at = 0; at < size;) {
    const length = readSync(fd, buffer, 0, Math.min(MiB, size - at), at)
    if (length === 0) throw new BadIndex('it ends early')
    hash.update(buffer.subarray(0, Math.min(length, Math.max(0, size - hashLength - at))))
    at += length
  }
  readSync(fd, tail, 0, tail.length, size - tail.length)
  if (!hash.digest().equals(tail.subarray(-hashLength))) throw new BadIndex('its bytes are not those that were written')
  const start = tail.lastIndexOf(Buffer.from([0x51, 0x2a, 0x4d, 0x18]))
  if (start < 0) throw new BadIndex('it has no summary')
  const summary = JSON.parse(tail.toString('utf8', start + 8, tail.length - hashLength)) as AnySummary
  if (summary.version !== 2) throw new BadIndex(`its version is ${String(summary.version)}`)
  return { summary, linesEnd: size - tail.length + start }
}

export class IndexReader<Summary extends AnySummary = IndexSummary> {
  readonly summary: Summary
  readonly #fd: number
  readonly #linesEnd: number

  constructor(fd: number, summary: Summary, linesEnd: number) {
    this.#fd = fd
    this.summary = summary
    this.#linesEnd = linesEnd
  }

  /** In the order they were written. Throws BadIndex. */
  *groups(): Generator<Group, void, void> {
    let group: Group | undefined
    for (const line of linesIn(this.#fd, this.#linesEnd)) {
      if (!line.startsWith('{')) {
        if (!group) throw new BadIndex('an entry stands before its group')
        group.lines.push(line)
        continue
      }
      if (group) yield group
      group = groupOf(line)
    }
    if (group) yield group
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** Lines of zstd frames between the file's beginning and `end`, holding some hundred KiB of them at a time. */
export function* linesIn(fd: number, end: number): Generator<string, void, void> {
  const context = new zstd.DCtx()
  const input = Buffer.allocUnsafe(64 * 1024)
  const output = Buffer.allocUnsafe(256 * 1024)
  let rest = Buffer.alloc(0)
  for (let at = 0; at < end;) {
    const length = readSync(fd, input, 0, Math.min(input.length, end - at), at)
    if (length === 0) throw new BadIndex('it ends early')
    at += length
    let from = 0
    for (let full = false; from < length || full;) {
      const [, produced, consumed] = context.decompressStream(output, input.subarray(from, length))
      from += consumed
      full = produced === output.length
      const text = Buffer.concat([rest, output.subarray(0, produced)])
      const last = text.lastIndexOf(10)
      if (last >= 0) yield* text.toString('utf8', 0, last).split('\n')
      rest = text.subarray(last + 1)
      if (rest.length > longestLine) throw new BadIndex('a line of it has no end')
    }
  }
  if (rest.length > 0) throw new BadIndex('it ends within a line')
}

function groupOf(line: string): Group {
  const {
    frames,
    of,
    taken = false,
  } = JSON.parse(line) as {
    frames: [number, number, number, string, number, string?][]
    of: Section
    taken?: boolean
  }
  if (!sections.includes(of)) throw new BadIndex(`it has a section ${JSON.stringify(of)}`)
  const known = frames.map(([offset, length, raw, hash, read, print]) => ({ offset, length, raw, hash, read, print }))
  return { of, frames: known, lines: [], taken }
}

/** Of a backup with an index: it changes with every byte of every frame. */
export function fingerprintOf(framesByPlace: readonly Frame[]): string {
  const hash = createHash('sha256')
  for (const frame of framesByPlace) hash.update(Buffer.from(frame.hash, 'base64url'))
  return `frames:${hash.digest('hex')}`
}

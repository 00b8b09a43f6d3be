// A large file in parts: its head, then its data in chunks that can be made, and taken over, one by one.
import { closeSync } from 'node:fs'
import { attributeRecords } from './attributes.ts'
import { CHUNK } from './frame.ts'
import type { FileEntry } from './frame-jobs.ts'
import { openEntry } from './open-entry.ts'
import { Raw } from './raw.ts'
import { look, seenOf, type Opened } from './read-file.ts'
import { addHead } from './read-group.ts'
import { dataExtents, type Extent } from './system-calls.ts'

/** More parts than these make a map that costs more than the holes save; the smallest holes are then kept as zeros. */
const mostExtents = 10_000

export interface LargeFile {
  /** As it was before the first byte was read. */
  entry: FileEntry
  /** Open for reading, for all that read parts of it: it may lose its name meanwhile. */
  opened: Opened
  head: Buffer
  /** Bytes of data behind the head. */
  stored: number
  chunks: Extent[][]
}

/** Null when something else has taken its place. The caller closes it. Throws a system error. */
export function openLarge(found: FileEntry): LargeFile | null {
  const fd = openEntry(found)
  let isKept = false
  try {
    const opened = look(fd, found.dev)
    const { before } = opened
    if (!before.isFile()) return null
    const entry = { ...found, ...seenOf(before) }
    const isSparse = before.blocks * 512n < before.size
    const extents = isSparse ? fewer(dataExtents(fd, entry.size)) : [{ offset: 0, length: entry.size }]
    const raw = new Raw(64 * 1024)
    addHead(raw, entry, extents, attributeRecords(fd))
    const stored = extents.reduce((sum, { length }) => sum + length, 0)
    isKept = true
    return { entry, opened, head: Buffer.from(raw.content()), stored, chunks: chunksOf(extents) }
  } finally {
    if (!isKept) closeSync(fd)
  }
}

function fewer(extents: Extent[]): Extent[] {
  let all = extents
  for (let gap = 64 * 1024; all.length > mostExtents; gap *= 4) {
    const joined: Extent[] = []
    for (const { offset, length } of all) {
      const last = joined.at(-1)
      if (last && offset - last.offset - last.length <= gap) last.length = offset + length - last.offset
      else joined.push({ offset, length })
    }
    all = joined
  }
  return all
}

function chunksOf(extents: readonly Extent[]): Extent[][] {
  const chunks: Extent[][] = []
  let chunk: Extent[] = []
  let room = CHUNK
  for (const { offset, length } of extents) {
    for (let done = 0; done < length;) {
      const part = Math.min(room, length - done)
      chunk.push({ offset: offset + done, length: part })
      done += part
      room -= part
      if (room > 0) continue
      chunks.push(chunk)
      chunk = []
      room = CHUNK
    }
  }
  if (chunk.length > 0) chunks.push(chunk)
  return chunks
}

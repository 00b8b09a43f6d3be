// A part of a large file, which is a frame of its own.
import { closeSync, readSync } from 'node:fs'
import type { Codec } from './frame.ts'
import type { ChunkJob, Made } from './frame-jobs.ts'
import { openEntry } from './open-entry.ts'
import type { Raw } from './raw.ts'
import { failure, look, lookAgain } from './read-file.ts'

/** Its place in the archive is given out: whatever the file has become, exactly this many bytes go out. */
export function readChunk({ entry, extents, zeros }: ChunkJob, raw: Raw, made: Made): void {
  const wanted = extents.reduce((sum, { length }) => sum + length, 0)
  let fd: number | undefined
  try {
    fd = openEntry(entry)
    const opened = look(fd)
    if (!opened.before.isFile()) made.faults.push({ at: 0, what: 'replaced' })
    else {
      for (const { offset, length } of extents) raw.readFrom(fd, length, offset)
      made.bytesRead = raw.length
      lookAgain(opened, entry, 0, wanted, raw.length, made)
      if (opened.before.size < BigInt(entry.size) && !made.faults.some(({ what }) => what === 'changed'))
        made.faults.push({ at: 0, what: 'changed', text: 'shrank while it was read; the rest is zeros in the archive' })
    }
  } catch (error) {
    made.bytesRead = raw.length
    made.faults.push({ at: 0, what: 'notReadWholly', read: raw.length, size: entry.size, ...failure(error) })
    made.reread.push(0)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
  if (made.faults.length > 0 && !made.reread.includes(0)) made.reread.push(0)
  raw.zeros(wanted - raw.length)
  raw.zeros(zeros)
}

let frame = Buffer.alloc(0)
let content = Buffer.alloc(0)

/** Unpacking the old frame takes a quarter of the time of making a new one, and proves that it can still be read. */
export function sameAsBefore({ before }: ChunkJob, codec: Codec, raw: Buffer): boolean {
  if (!before || before.frame.raw !== raw.length) return false
  const { offset, length: stored } = before.frame
  if (frame.length < stored) frame = Buffer.allocUnsafeSlow(stored)
  if (content.length < raw.length) content = Buffer.allocUnsafeSlow(raw.length)
  try {
    if (readSync(before.fd, frame, 0, stored, offset) !== stored) return false
    const length = codec.decode(frame.subarray(0, stored), content.subarray(0, raw.length))
    return length === raw.length && content.subarray(0, length).equals(raw)
  } catch {
    return false
  }
}

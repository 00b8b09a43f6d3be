// A part of a large file, which is a frame of its own.
import { readSync } from 'node:fs'
import type { Codec } from './frame.ts'
import type { ChunkJob, Made } from './frame-jobs.ts'
import type { Raw } from './raw.ts'
import { failure } from './read-file.ts'

/** Its place in the archive is given out: whatever the file has become, exactly this many bytes go out. */
export function readChunk({ fd, extents, zeros }: ChunkJob, raw: Raw, made: Made): void {
  const wanted = extents.reduce((sum, { length }) => sum + length, 0)
  try {
    for (const { offset, length } of extents) raw.readFrom(fd, length, offset)
  } catch (error) {
    made.faults.push({ at: 0, what: 'notReadWholly', read: raw.length, size: wanted, ...failure(error) })
  }
  made.bytesRead = raw.length
  raw.zeros(wanted - raw.length + zeros)
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

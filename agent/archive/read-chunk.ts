// A part of a large file, which is a frame of its own.
import { printOf } from './content-print.ts'
import type { ChunkJob, Made } from './frame-jobs.ts'
import type { Raw } from './raw.ts'
import { failure } from './read-file.ts'

/** Its place in the archive is given out: whatever the file has become, exactly this many bytes go out. */
export function readChunk({ fd, extents, zeros, key }: ChunkJob, raw: Raw, made: Made): void {
  const wanted = extents.reduce((sum, { length }) => sum + length, 0)
  try {
    for (const { offset, length } of extents) raw.readFrom(fd, length, offset)
  } catch (error) {
    made.faults.push({ at: 0, what: 'notReadWholly', read: raw.length, size: wanted, ...failure(error) })
  }
  made.bytesRead = raw.length
  raw.zeros(wanted - raw.length + zeros)
  made.print = printOf(raw.content(), key)
}

export function sameAsBefore({ before }: ChunkJob, { raw, print }: Made): boolean {
  return before !== null && before.raw === raw && before.print !== undefined && before.print === print
}

// Finds the frames of a backup again whose index is lost. Null where they cannot be told: a plain tar has no borders, and what others
// make is one piece.
import { fstatSync, readSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import { LARGEST } from './frame.ts'
import type { TarFormat } from './protocol.ts'
import type { Stretch } from './seek-table.ts'

/** In the order of the file, without what readers skip. Throws where the backup is damaged. */
export function findFrames(fd: number, format: TarFormat): Iterable<Stretch> | null {
  const size = fstatSync(fd).size
  if (format === 'tar.zst') return fromSeekTable(fd, size)
  return format === 'tar.gz' ? members(fd, size) : null
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset))
}

/** See seek-table.ts. */
function fromSeekTable(fd: number, size: number): Stretch[] | null {
  const footer = readAt(fd, Math.max(0, size - 9), 9)
  if (footer.length < 9 || footer.readUInt32LE(5) !== 0x8f92eab1) return null
  const count = footer.readUInt32LE(0)
  const end = size - 9 - count * 8
  if (footer[4] !== 0 || end < 8) return null
  const table = readAt(fd, end, count * 8)
  const frames: Stretch[] = []
  for (let at = 0, offset = 0; at < table.length; at += 8) {
    const length = table.readUInt32LE(at)
    const raw = table.readUInt32LE(at + 4)
    if (raw > 0) frames.push({ offset, length, raw })
    offset += length
  }
  return frames
}

/** Members of gzip; one without content is skipped. */
function* members(fd: number, size: number): Generator<Stretch, void, void> {
  const window = Buffer.allocUnsafeSlow(2 * LARGEST)
  for (let offset = 0; offset < size;) {
    const bytes = window.subarray(0, readSync(fd, window, 0, window.length, offset))
    if (bytes.length < 18 || bytes.readUInt16BE(0) !== 0x1f8b)
      throw new NotInParts('it has no member where one should begin')
    const head = bytes[3] === 4 ? 12 + bytes.readUInt16LE(10) : 10
    const { buffer, engine } = inflateMember(bytes.subarray(head))
    const length = head + engine.bytesWritten + 8
    if (buffer.length > 0) yield { offset, length, raw: buffer.length }
    offset += length
  }
}

/** The backup is one that others made, or one that is damaged. */
export class NotInParts extends Error {
  override name = 'NotInParts'
}

function inflateMember(bytes: Buffer): { buffer: Buffer; engine: { bytesWritten: number } } {
  try {
    // with `info` it tells how much of its input it took
    return inflateRawSync(bytes, { info: true, maxOutputLength: 8 * LARGEST }) as unknown as ReturnType<
      typeof inflateMember
    >
  } catch (error) {
    throw new NotInParts((error as Error).message)
  }
}

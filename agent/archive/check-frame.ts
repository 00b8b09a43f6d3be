// One frame, read back: is it what was written, and does it hold what it should?
import { readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import type { Codec } from './frame.ts'
import type { Checked, CheckJob } from './frame-jobs.ts'
import { EngineError } from './protocol.ts'
import { TarReader } from './tar-reader.ts'
import { reasonOf } from './words.ts'

let bytes = Buffer.alloc(0)
let content = Buffer.alloc(0)

/** Throws an EngineError, CORRUPT where it is damaged; `path` is the backup's. */
export function checkFrame({ fd, frame, whole, last }: CheckJob, codec: Codec, path: string): Checked {
  const { offset, length, raw, hash } = frame
  if (bytes.length < length) bytes = Buffer.allocUnsafeSlow(length)
  if (content.length < raw) content = Buffer.allocUnsafeSlow(raw)
  const stored = bytes.subarray(0, length)
  let read: number
  try {
    read = readSync(fd, stored, 0, length, offset)
  } catch (error) {
    throw new EngineError(
      (error as NodeJS.ErrnoException).code ?? 'EIO',
      `${path} cannot be read back: ${reasonOf(error)}`,
    )
  }
  const damaged = (why: string) => new EngineError('CORRUPT', `${path} is damaged: ${why} (at byte ${offset})`)
  if (read < length) throw damaged('it ends too early')
  if (createHash('sha256').update(stored).digest('base64url') !== hash)
    throw damaged('a part of it is not what was written')
  let unpacked: number
  try {
    unpacked = codec.decode(stored, content.subarray(0, raw))
  } catch (error) {
    throw damaged((error as Error).message)
  }
  if (unpacked !== raw) throw damaged(`a part of it unpacks to ${unpacked} bytes where ${raw} were packed`)
  if (!whole) return { entries: 0, contentBytes: 0 }
  const tar = new TarReader()
  try {
    tar.push(content.subarray(0, raw))
    if (last) tar.end()
    else tar.endOfPiece()
  } catch (error) {
    throw damaged((error as Error).message)
  }
  return { entries: tar.entries, contentBytes: tar.contentBytes }
}

// Reads frames of a backup, one by one, each checked by its hash in the index.
import { readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import type { Codec } from './frame.ts'
import type { Frame } from './index-file.ts'
import { EngineError } from './protocol.ts'
import { reasonOf } from './words.ts'

/** What an index tells of longer ones is not believed: memory is bounded. Ours hold 4 MiB and the heads of entries. */
const longest = 32 * 1024 * 1024

export class FrameReader {
  readonly #path: string
  readonly #codec: Codec
  #stored = Buffer.alloc(0)
  #content = Buffer.alloc(0)

  /** `path` is for telling. */
  constructor(path: string, codec: Codec) {
    this.#path = path
    this.#codec = codec
  }

  /** The bytes of tar in it, valid until the next call. Throws an EngineError, CORRUPT where it is damaged. */
  read(fd: number, { offset, length, raw, hash }: Frame): Buffer {
    const damaged = (why: string) => new EngineError('CORRUPT', `${this.#path} is damaged: ${why} (at byte ${offset})`)
    if (![offset, length, raw].every((number) => Number.isSafeInteger(number) && number >= 0))
      throw damaged('its index tells of a part that cannot be')
    if (length > longest || raw > longest) throw damaged('its index tells of a part that is too long')
    if (this.#stored.length < length) this.#stored = Buffer.allocUnsafeSlow(length)
    if (this.#content.length < raw) this.#content = Buffer.allocUnsafeSlow(raw)
    const stored = this.#stored.subarray(0, length)
    let read: number
    try {
      read = readSync(fd, stored, 0, length, offset)
    } catch (error) {
      const { code = 'EIO' } = error as NodeJS.ErrnoException
      throw new EngineError(code, `${this.#path} cannot be read back: ${reasonOf(error)}`)
    }
    if (read < length) throw damaged('it ends too early')
    if (createHash('sha256').update(stored).digest('base64url') !== hash)
      throw damaged('a part of it is not what was written')
    const content = this.#content.subarray(0, raw)
    let unpacked: number
    try {
      unpacked = this.#codec.decode(stored, content)
    } catch (error) {
      throw damaged((error as Error).message)
    }
    if (unpacked !== raw) throw damaged(`a part of it unpacks to ${unpacked} bytes where ${raw} were packed`)
    return content
  }
}

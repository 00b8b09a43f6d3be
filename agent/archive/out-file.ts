// The file a backup is written to, hashed as it is written.
import { closeSync, constants, fstatSync, openSync, writeSync, type BigIntStats } from 'node:fs'
import { createHash } from 'node:crypto'
import { EngineError } from './protocol.ts'
import { writeFailure } from './words.ts'

export class OutFile {
  readonly #path: string
  readonly #fd: number
  readonly #hash = createHash('sha256')
  #written = 0

  /** Replaces the content of an existing file; it is the caller who makes and removes files. */
  constructor(path: string) {
    this.#path = path
    this.#fd = writing(path, () => openSync(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW))
  }

  stat(): BigIntStats {
    return fstatSync(this.#fd, { bigint: true })
  }

  write(bytes: Buffer): void {
    this.#hash.update(bytes)
    for (let from = 0; from < bytes.length;) {
      from += writing(this.#path, () => writeSync(this.#fd, bytes, from))
    }
    this.#written += bytes.length
  }

  finish(): { size_bytes: number; sha256: string } {
    return { size_bytes: this.#written, sha256: this.#hash.digest('hex') }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** Errors of the backup's own file or folder end the archive, unlike those of the files it is made of. */
export function writing<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    throw new EngineError(code, writeFailure(path, error))
  }
}

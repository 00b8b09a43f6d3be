// Writes a byte stream to a file as one zstd frame with a content checksum, on all cores, hashing what it writes.
import { closeSync, constants, fstatSync, openSync, readSync, writeSync, type BigIntStats } from 'node:fs'
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import zstd from 'zstd-napi/binding.js'
import { EngineError } from './protocol.ts'
import { writeFailure } from './words.ts'

const MiB = 1024 * 1024

export class ZstdFile {
  readonly #path: string
  readonly #fd: number
  readonly #context = new zstd.CCtx()
  readonly #hash = createHash('sha256')
  /** Collects what is to be compressed, so that thousands of small files cost few calls into zstd. */
  readonly #input = Buffer.allocUnsafe(MiB)
  #inputUsed = 0
  readonly #output = Buffer.allocUnsafe(MiB)
  #outputUsed = 0
  #written = 0

  /** Replaces the content of an existing file; it is the caller who makes and removes files. */
  constructor(path: string, level: number) {
    this.#path = path
    this.#context.setParameter(zstd.CParameter.compressionLevel, level)
    this.#context.setParameter(zstd.CParameter.checksumFlag, 1)
    this.#context.setParameter(zstd.CParameter.nbWorkers, availableParallelism())
    this.#context.setParameter(zstd.CParameter.jobSize, 2 * MiB)
    this.#fd = this.#tell(() => openSync(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW))
  }

  stat(): BigIntStats {
    return fstatSync(this.#fd, { bigint: true })
  }

  write(bytes: Buffer): void {
    for (let from = 0; from < bytes.length;) {
      const length = bytes.copy(this.#input, this.#inputUsed, from)
      this.#filled(length)
      from += length
    }
  }

  /** Takes up to `most` bytes from where an open file stands; answers how many, 0 at its end. Throws its errors as they are. */
  readFrom(fd: number, most: number): number {
    const length = readSync(fd, this.#input, this.#inputUsed, Math.min(most, this.#room()), null)
    this.#filled(length)
    return length
  }

  /** Writes up to `most` zeros; answers how many. */
  zeros(most: number): number {
    const length = Math.min(most, this.#room())
    this.#input.fill(0, this.#inputUsed, this.#inputUsed + length)
    this.#filled(length)
    return length
  }

  finish(): { size_bytes: number; sha256: string } {
    this.#compress(zstd.EndDirective.end)
    this.#flush()
    return { size_bytes: this.#written, sha256: this.#hash.digest('hex') }
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Never 0 between calls. */
  #room(): number {
    return this.#input.length - this.#inputUsed
  }

  #filled(length: number): void {
    this.#inputUsed += length
    if (this.#room() === 0) this.#compress(zstd.EndDirective.continue)
  }

  #compress(directive: (typeof zstd.EndDirective)['continue' | 'end']): void {
    const end = directive === zstd.EndDirective.end
    for (let from = 0, pending = 1; from < this.#inputUsed || (end && pending > 0);) {
      const [left, produced, consumed] = this.#context.compressStream2(
        this.#output.subarray(this.#outputUsed),
        this.#input.subarray(from, this.#inputUsed),
        directive,
      )
      pending = left
      from += consumed
      this.#outputUsed += produced
      if (this.#outputUsed === this.#output.length) this.#flush()
    }
    this.#inputUsed = 0
  }

  #flush(): void {
    this.#hash.update(this.#output.subarray(0, this.#outputUsed))
    for (let from = 0; from < this.#outputUsed;) {
      from += this.#tell(() => writeSync(this.#fd, this.#output, from, this.#outputUsed - from))
    }
    this.#written += this.#outputUsed
    this.#outputUsed = 0
  }

  /** Errors of this file end the archive, unlike those of the files it is made of. */
  #tell<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      const { code = 'EIO' } = error as NodeJS.ErrnoException
      throw new EngineError(code, writeFailure(this.#path, error))
    }
  }
}

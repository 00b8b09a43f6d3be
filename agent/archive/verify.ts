// Reads a finished file back as far as it goes: hash, zstd with its checksum, the whole tar; and compares what it finds
// with what pack wrote. The file is flushed to the device first. Node offers no posix_fadvise, so the kernel may serve
// the reading from its page cache: this proves what was handed to the kernel and that the device took it, not that
// the device returns the same bytes later.
import { closeSync, constants, fsyncSync, openSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import zstd from 'zstd-napi/binding.js'
import { EngineError, type PackResult, type VerifyRequest, type VerifyResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { Malformed, TarReader } from './tar-reader.ts'
import { reasonOf, writeFailure } from './words.ts'

const MiB = 1024 * 1024

/** `packed` is what pack answered for this file, if it is known. Throws an EngineError, CORRUPT for any difference. */
export async function verify(
  request: VerifyRequest,
  packed: PackResult | undefined,
  pulse: Pulse,
): Promise<VerifyResult> {
  const { file } = request
  const fd = attempt(
    () => openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW),
    (error) => `${file} cannot be read back: ${reasonOf(error)}`,
  )
  try {
    attempt(
      () => fsyncSync(fd),
      (error) => writeFailure(file, error),
    )
    const found = await readBack(fd, file, pulse)
    if (packed) compare(file, found, packed)
    return { ...found, compared: packed !== undefined }
  } finally {
    closeSync(fd)
  }
}

async function readBack(fd: number, file: string, pulse: Pulse): Promise<Omit<VerifyResult, 'compared'>> {
  const context = new zstd.DCtx()
  const hash = createHash('sha256')
  const tar = new TarReader()
  const input = Buffer.allocUnsafe(MiB)
  const output = Buffer.allocUnsafe(MiB)
  let kept = 0 // bytes at the start of output that the reader has not taken yet
  let size_bytes = 0
  let unfinished = 1 // zstd's hint: 0 exactly at the end of a frame
  for (;;) {
    const length = attempt(
      () => readSync(fd, input, 0, input.length, null),
      (error) => `${file} cannot be read back: ${reasonOf(error)}`,
    )
    if (length === 0) break
    hash.update(input.subarray(0, length))
    size_bytes += length
    try {
      // as long as it fills the output it may hold more, even with all input taken
      for (let from = 0, full = false; from < length || full;) {
        const [hint, produced, consumed] = context.decompressStream(output.subarray(kept), input.subarray(from, length))
        full = kept + produced === output.length
        const bytes = output.subarray(0, kept + produced)
        const taken = tar.push(bytes)
        kept = bytes.copy(output, 0, taken)
        from += consumed
        unfinished = hint
        pulse.files = tar.entries
        pulse.bytes = tar.contentBytes
        if (hint === 0 && from === length) break
      }
    } catch (error) {
      throw corrupt(file, error instanceof Malformed ? error.message : `it does not decompress (${reasonOf(error)})`)
    }
    if (pulse.due()) await pulse.beat()
  }
  try {
    if (unfinished !== 0) throw new Malformed('it ends too early')
    tar.end(kept)
  } catch (error) {
    throw corrupt(file, reasonOf(error))
  }
  return { entry_count: tar.entries, content_bytes: tar.contentBytes, size_bytes, sha256: hash.digest('hex') }
}

function compare(file: string, found: Omit<VerifyResult, 'compared'>, packed: PackResult): void {
  for (const [key, what] of [
    ['size_bytes', 'bytes'],
    ['entry_count', 'entries'],
    ['content_bytes', 'bytes of content'],
  ] as const) {
    if (found[key] !== packed[key]) {
      throw corrupt(file, `it has ${found[key]} ${what} where ${packed[key]} were written`)
    }
  }
  if (found.sha256 !== packed.sha256) throw corrupt(file, 'its SHA-256 is not that of what was written')
}

function corrupt(file: string, why: string): EngineError {
  return new EngineError('CORRUPT', `${file} is damaged: ${why}`)
}

function attempt<T>(call: () => T, inWords: (error: unknown) => string): T {
  try {
    return call()
  } catch (error) {
    throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', inWords(error))
  }
}

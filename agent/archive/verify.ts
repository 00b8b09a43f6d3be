// Reads a finished backup back as far as it goes: hash, checksums, the whole tar or tree; and compares what it finds
// with what pack wrote. It is flushed to the device first. Node offers no posix_fadvise, so the kernel may serve
// the reading from its page cache: this proves what was handed to the kernel and that the device took it, not that
// the device returns the same bytes later.
import { closeSync, constants, fsyncSync, openSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { decoderOf } from './decoders.ts'
import { EngineError, type PackResult, type VerifyRequest, type VerifyResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { readFolderBack } from './read-folder-back.ts'
import { TarReader } from './tar-reader.ts'
import { reasonOf, writeFailure } from './words.ts'

const MiB = 1024 * 1024

/** `packed` is what pack answered for this backup, if it is known. Throws an EngineError, CORRUPT for any difference. */
export async function verify(
  { file, format }: VerifyRequest,
  packed: PackResult | undefined,
  pulse: Pulse,
): Promise<VerifyResult> {
  const found =
    format === 'folder'
      ? await readFolderBack(file, packed !== undefined, pulse)
      : await readFileBack(file, format, pulse)
  if (packed) compare(file, found, packed)
  return { ...found, compared: packed !== undefined }
}

async function readFileBack(
  file: string,
  format: 'tar' | 'tar.gz' | 'tar.zst',
  pulse: Pulse,
): Promise<Omit<VerifyResult, 'compared'>> {
  const unreadable = (error: unknown) => `${file} cannot be read back: ${reasonOf(error)}`
  const fd = attempt(() => openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW), unreadable)
  try {
    attempt(
      () => fsyncSync(fd),
      (error) => writeFailure(file, error),
    )
    const hash = createHash('sha256')
    const tar = new TarReader()
    const decoder = decoderOf(format, (bytes) => {
      tar.push(bytes)
      pulse.files = tar.entries
      pulse.bytes = tar.contentBytes
    })
    const input = Buffer.allocUnsafe(MiB)
    let size_bytes = 0
    for (;;) {
      const length = attempt(() => readSync(fd, input, 0, input.length, null), unreadable)
      if (length === 0) break
      hash.update(input.subarray(0, length))
      size_bytes += length
      await undamaged(file, () => decoder.push(input.subarray(0, length)))
      if (pulse.due()) await pulse.beat()
    }
    await undamaged(file, () => decoder.end())
    await undamaged(file, () => tar.end())
    return { entry_count: tar.entries, content_bytes: tar.contentBytes, size_bytes, sha256: hash.digest('hex') }
  } finally {
    closeSync(fd)
  }
}

async function undamaged(file: string, step: () => void | Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    throw corrupt(file, (error as Error).message)
  }
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

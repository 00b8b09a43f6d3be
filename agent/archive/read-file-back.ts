// Reads a file back that has no index: its hash, its own checksums, the whole tar.
import { readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { decoderOf } from './decoders.ts'
import { EngineError, type TarFormat, type VerifyResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { TarReader } from './tar-reader.ts'
import { reasonOf } from './words.ts'

const MiB = 1024 * 1024

export async function readFileBack(
  file: string,
  fd: number,
  format: TarFormat,
  pulse: Pulse,
): Promise<Omit<VerifyResult, 'index'>> {
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
    const length = read(file, fd, input)
    if (length === 0) break
    hash.update(input.subarray(0, length))
    size_bytes += length
    await undamaged(file, () => decoder.push(input.subarray(0, length)))
    if (pulse.due()) await pulse.beat()
  }
  await undamaged(file, () => decoder.end())
  await undamaged(file, () => tar.end())
  return { entry_count: tar.entries, content_bytes: tar.contentBytes, size_bytes, sha256: hash.digest('hex') }
}

function read(file: string, fd: number, into: Buffer): number {
  try {
    return readSync(fd, into, 0, into.length, null)
  } catch (error) {
    throw new EngineError(
      (error as NodeJS.ErrnoException).code ?? 'EIO',
      `${file} cannot be read back: ${reasonOf(error)}`,
    )
  }
}

async function undamaged(file: string, step: () => void | Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    throw new EngineError('CORRUPT', `${file} is damaged: ${(error as Error).message}`)
  }
}

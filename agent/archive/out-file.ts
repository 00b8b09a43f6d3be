// The file a backup is written to, at places that are handed out; whoever writes there writes all of it.
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statfsSync,
  unlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { isWhole, openDirect } from './direct-io.ts'
import { deadMarks } from './frame.ts'
import { EngineError, type TarFormat } from './protocol.ts'
import { allocate, copyRange, punchHole, shareBlocks, writeBehind, writeFromPages } from './system-calls.ts'
import { writeFailure } from './words.ts'

const MiB = 1024 * 1024

/** What is too much of it is cut off in the end. */
const allocatedAhead = 64 * MiB

export class OutFile {
  readonly path: string
  readonly fd: number
  /** The same past the page cache, for whole blocks alone. */
  readonly direct: number | null
  /** Blocks are given out ahead up to here; infinite where they are not. */
  #allocated = Infinity

  /** Replaces the content of an existing file; it is the caller who makes and removes files. */
  constructor(path: string) {
    this.path = path
    this.fd = writing(path, () => openSync(path, constants.O_RDWR | constants.O_TRUNC | constants.O_NOFOLLOW))
    this.direct = openDirect(this.fd)
  }

  stat(): BigIntStats {
    return fstatSync(this.fd, { bigint: true })
  }

  /** Writes past the page cache wait for each other where they make a file longer, so it is made long enough before. */
  allocateAhead(): void {
    this.#allocated = 0
  }

  /** The descriptor to write this range by. */
  fdFor(offset: number, length: number): number {
    if (this.direct === null || !isWhole(offset, length)) return this.fd
    this.expect(offset, length)
    return this.direct
  }

  /** This range will be written. */
  expect(offset: number, length: number): void {
    const end = offset + length
    if (end <= this.#allocated) return
    const begin = Math.max(offset, this.#allocated)
    this.#allocated = Math.max(end, begin + allocatedAhead)
    allocate(this.fd, begin, this.#allocated - begin)
  }

  write(bytes: Buffer, offset: number): void {
    writeAll(this.path, this.fd, bytes, offset)
  }

  /** What was a frame is skipped by readers from now on, and takes no room where the file system can do without. */
  kill(format: TarFormat, offset: number, length: number): void {
    if (!punchHole(this.fd, offset, length)) {
      const zeros = Buffer.alloc(Math.min(length, MiB))
      for (let at = 0; at < length; at += zeros.length)
        this.write(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at)
    }
    for (const { at, bytes } of deadMarks(format, offset, length)) this.write(bytes, offset + at)
  }

  cut(length: number): void {
    writing(this.path, () => ftruncateSync(this.fd, length))
  }

  flush(): void {
    writing(this.path, () => fsyncSync(this.fd))
  }

  close(): void {
    if (this.direct !== null) closeSync(this.direct)
    closeSync(this.fd)
  }
}

/** A file without a name, in the folder of `path`: it ends with this process, whatever ends it. */
export function scratchFile(path: string): number {
  return writing(path, () => {
    const fd = openSync(path, 'w+', 0o600)
    unlinkSync(path)
    return fd
  })
}

/** On the file system of a file. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** `path` is for telling. */
export function writeAll(path: string, fd: number, bytes: Buffer, offset: number): void {
  for (let done = 0; done < bytes.length;)
    done += writing(path, () => writeSync(fd, bytes, done, bytes.length - done, offset + done))
}

/** So much is copied at once. */
const copyStep = 8 * MiB

export interface Range {
  from: number
  offset: number
  length: number
}

export interface Place {
  fd: number
  /** Past the page cache. */
  direct: number | null
  offset: number
}

/**
 * Shares blocks where the file system does, else copies within the kernel, else by itself; `path` is the one written to. Rejects with an
 * EngineError.
 */
export async function copyBetween(path: string, range: Range, to: Place): Promise<void> {
  const { from, offset, length } = range
  if (shareBlocks(from, offset, to.fd, to.offset, length)) return
  let done = 0
  try {
    for (let copied = -1; copied !== 0 && done < length; done += copied) {
      const step = { from, offset: offset + done, length: Math.min(length - done, copyStep) }
      copied = await copyInKernel(step, { ...to, offset: to.offset + done })
    }
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    if (['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG'].includes(code)) throw new EngineError(code, writeFailure(path, error))
  }
  const buffer = done < length ? Buffer.allocUnsafe(MiB) : Buffer.alloc(0)
  while (done < length) {
    const read = readSync(from, buffer, 0, Math.min(buffer.length, length - done), offset + done)
    if (read === 0) throw new EngineError('EIO', `what ${path} takes over ends too early`)
    writeAll(path, to.fd, buffer.subarray(0, read), to.offset + done)
    done += read
  }
}

/** Resolves with how much it copied. Rejects with a system error. */
async function copyInKernel({ from, offset, length }: Range, { fd, direct, offset: at }: Place): Promise<number> {
  // within one file, the kernel would have to read pages of what it is writing to
  if (direct !== null && from !== fd && isWhole(offset, at, length)) {
    const written = await writeFromPages(from, offset, direct, at, length)
    if (written > 0) return written
  }
  const copied = await copyRange(from, offset, fd, at, length)
  writeBehind(fd, at, copied)
  return copied
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

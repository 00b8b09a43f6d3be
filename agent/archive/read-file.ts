// What is asked of every file that is read: is it still what was found, and can the next look trust its times?
import { fstatSync, fsyncSync, type BigIntStats } from 'node:fs'
import { isLayered } from './file-systems.ts'
import type { FileState } from './file-state.ts'
import type { Made, Seen } from './frame-jobs.ts'
import { beginWriteBack } from './system-calls.ts'
import { reasonOf } from './words.ts'

/** Changes within this time before reading began may share their time with later ones: kernels keep time in ticks. */
const graceNs = 2_000_000_000n

export interface Opened {
  fd: number
  before: BigIntStats
  beganNs: bigint
}

/** Call before the first byte is read. `dev`: where it was found. Throws a system error. */
export function look(fd: number, dev: bigint): Opened {
  const beganNs = BigInt(Date.now()) * 1_000_000n
  // A store through mmap into a page that is dirty already moves no time; into one that is being written it does. An fsync
  // would do, too, but waits for the journal: 6,500 files that were just written took 9 s instead of 0.1 s.
  if (isLayered(dev, `/proc/self/fd/${fd}`)) fsyncSync(fd)
  else beginWriteBack(fd)
  return { fd, before: fstatSync(fd, { bigint: true }), beganNs }
}

/** Notes what is to be told of a file that was read from `at`; `wanted` bytes were to be had, `read` were. */
export function lookAgain(opened: Opened, entry: Seen, at: number, wanted: number, read: number, made: Made): void {
  const { before, beganNs } = opened
  const after = fstatSync(opened.fd, { bigint: true })
  if (differs(before, entry)) made.seen.push({ at, seen: seenOf(before) })
  const text = changeText(before, after, entry.size, wanted, read)
  if (text !== '') made.faults.push({ at, what: 'changed', text })
  if (text !== '' || before.mtimeNs > beganNs - graceNs || before.ctimeNs > beganNs - graceNs) made.reread.push(at)
}

export function seenOf(stat: FileState): Seen {
  const { uid, gid, mtimeNs, ctimeNs, dev, ino, rdev } = stat
  return {
    mode: Number(stat.mode & 0o7777n),
    uid: Number(uid),
    gid: Number(gid),
    mtimeNs,
    ctimeNs,
    dev,
    ino,
    size: Number(stat.size),
    rdev,
  }
}

export function differs(stat: BigIntStats, entry: Seen): boolean {
  return (
    stat.ctimeNs !== entry.ctimeNs ||
    stat.mtimeNs !== entry.mtimeNs ||
    stat.size !== BigInt(entry.size) ||
    stat.ino !== entry.ino
  )
}

/** `promised` bytes are in the archive, whatever the file has become; empty where nothing changed. */
function changeText(before: BigIntStats, after: BigIntStats, promised: number, wanted: number, read: number): string {
  if (after.size > promised)
    return `grew from ${promised} to ${after.size} bytes while it was read; the archive holds the first ${promised}`
  if (read < wanted)
    return `shrank from ${promised} to ${after.size} bytes while it was read; the rest is zeros in the archive`
  if (after.size !== before.size || after.mtimeNs !== before.mtimeNs || after.ctimeNs !== before.ctimeNs)
    return 'changed while it was read; the archive may hold a mixture of old and new'
  return ''
}

/** Of a system error, what can be told to another thread. */
export interface Failure {
  code: string
  message: string
}

export function failure(error: unknown): Failure {
  return { code: (error as NodeJS.ErrnoException).code ?? 'EIO', message: reasonOf(error) }
}

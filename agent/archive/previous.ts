// The backup that a new one takes unchanged frames from. Whatever is odd about it, it is not used, and the reason is told.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { ALIGN } from './frame.ts'
import { openIndex, type IndexReader } from './index-file.ts'
import { indexPathOf } from './index-path.ts'
import type { PackRequest } from './protocol.ts'
import type { Remarks } from './remarks.ts'
import { shareBlocks } from './system-calls.ts'
import { reasonOf } from './words.ts'

export interface Previous extends Disposable {
  /** Of the backup, open for reading. */
  fd: number
  index: IndexReader
  /** Whether an open file can share its blocks; the first of them is then that of this one. */
  sharesWith(other: number): boolean
}

const dayMs = 24 * 60 * 60 * 1000

/** Why everything is to be read again; empty where it is not yet time. */
export function whyOutdated({ full_read_at }: { full_read_at: string }, every: number, now: Date): string {
  const days = (now.getTime() - Date.parse(full_read_at)) / dayMs
  return days >= every ? `every file was last read ${Math.floor(days)} days ago, and is every ${every}` : ''
}

/** Null, and told, where it cannot be used. */
export function usable<Opened extends object>(opened: Opened | { unusable: string }, remarks: Remarks): Opened | null {
  if (!('unusable' in opened)) return opened
  remarks.onAll('note', `Everything is read, because the last backup cannot be used: ${opened.unusable}`)
  return null
}

/** A reason in words where it cannot be used. */
export function openPrevious(
  path: string,
  { format, level, full_read_every }: PackRequest,
  now: Date,
): Previous | { unusable: string } {
  let index: IndexReader | undefined
  let fd: number | undefined
  try {
    index = openIndex(indexPathOf(path))
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const unusable = whyNot(fd, index, format, level, full_read_every, now)
    if (unusable === '') {
      const [open, opened] = [index, fd]
      index = fd = undefined
      const sharesWith = (other: number) => shareBlocks(opened, 0, other, 0, ALIGN)
      return { fd: opened, index: open, sharesWith, [Symbol.dispose]: () => (open.close(), closeSync(opened)) }
    }
    return { unusable }
  } catch (error) {
    return { unusable: `${path} or its index cannot be read: ${reasonOf(error)}` }
  } finally {
    index?.close()
    if (fd !== undefined) closeSync(fd)
  }
}

function whyNot(fd: number, { summary }: IndexReader, format: string, level: number, every: number, now: Date): string {
  if (summary.format !== format) return `it is a .${summary.format}`
  if (summary.level !== level) return `it was compressed with level ${summary.level}`
  const outdated = whyOutdated(summary, every, now)
  if (outdated !== '') return outdated
  if (fstatSync(fd).size !== summary.archive_bytes) return 'it has not the length its index tells'
  const { offset, length, hash } = summary.last
  const frame = Buffer.alloc(length)
  readSync(fd, frame, 0, length, offset)
  if (createHash('sha256').update(frame).digest('base64url') !== hash) return 'it is not the file its index is about'
  return ''
}

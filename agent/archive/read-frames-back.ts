// Reads a backup back by its index, on all cores: every frame, and what stands between and behind them, to the byte.
import { fstatSync, readSync } from 'node:fs'
import { parseLine } from './entry-line.ts'
import { deadMarks } from './frame.ts'
import { FramePool } from './frame-pool.ts'
import { fingerprintOf, type Frame, type Group, type IndexReader } from './index-file.ts'
import { EngineError, type TarFormat, type VerifyResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { seekTable } from './seek-table.ts'

const MiB = 1024 * 1024

export async function readFramesBack(
  file: string,
  fd: number,
  index: IndexReader,
  wanted: 'all' | 'of today',
  pulse: Pulse,
): Promise<Omit<VerifyResult, 'index'>> {
  const { format, level, archive_bytes, entries, last } = index.summary
  const damaged = (why: string) => new EngineError('CORRUPT', `${file} is damaged: ${why}`)
  const size_bytes = fstatSync(fd).size
  if (size_bytes !== archive_bytes) throw damaged(`it has ${size_bytes} bytes where ${archive_bytes} were written`)
  await using pool = new FramePool({ format, level, path: file, takes: { unpackTo: null } })
  const frames: Frame[] = []
  let content_bytes = 0
  let failure: EngineError | undefined
  for (const group of index.groups()) {
    frames.push(...group.frames)
    content_bytes += contentOf(group)
    const whole = group.frames.length === 1
    for (const frame of group.frames) {
      if (wanted === 'of today' && frame.read !== last.read) continue
      await pool.room()
      const job = { type: 'check', fd, frame, whole, last: frame.offset === last.offset } as const
      const check = async () => {
        const { entries: found, failure: wrong } = await pool.checked(job)
        pulse.bytes += frame.raw
        if (wrong) failure ??= new EngineError(wrong.code, wrong.message)
        else if (whole && found !== group.lines.length)
          failure ??= damaged(`a part of it holds ${found} entries where ${group.lines.length} were packed`)
      }
      check().catch(() => {}) // the pool tells
    }
    pulse.files += group.lines.length
    if (pulse.due()) await pulse.beat()
    if (failure) break
  }
  await pool.idle()
  if (failure) throw failure
  const inPlace = frames.toSorted((a, b) => a.offset - b.offset)
  if (wanted === 'all') await checkRest(fd, format, inPlace, size_bytes, damaged, pulse)
  return { entry_count: entries, content_bytes, size_bytes, sha256: fingerprintOf(inPlace) }
}

function contentOf({ lines }: Group): number {
  let bytes = 0
  for (const line of lines) if (line.startsWith('["f"') || line.startsWith('["a"')) bytes += parseLine(line).size ?? 0
  return bytes
}

/** What is no frame has to be what readers skip, or the table at the end. */
async function checkRest(
  fd: number,
  format: TarFormat,
  frames: readonly Frame[],
  size: number,
  damaged: (why: string) => EngineError,
  pulse: Pulse,
): Promise<void> {
  let at = 0
  for (const { offset, length } of frames) {
    if (offset < at) throw damaged('parts of it overlap')
    if (offset > at && !isDead(fd, format, at, offset - at))
      throw damaged(`what should be skipped is not (at byte ${at})`)
    at = offset + length
    if (pulse.due()) await pulse.beat()
  }
  const table = seekTable(format, frames)
  if (size < at) throw damaged('it ends too early')
  const found = Buffer.alloc(size - at)
  readSync(fd, found, 0, found.length, at)
  if (!found.equals(table)) throw damaged('its end is not what was written')
}

function isDead(fd: number, format: TarFormat, offset: number, length: number): boolean {
  const found = Buffer.allocUnsafe(Math.min(length, MiB))
  const marks = deadMarks(format, offset, length)
  for (let at = 0; at < length; at += MiB) {
    const expected = Buffer.alloc(Math.min(MiB, length - at))
    for (const mark of marks)
      if (mark.at + mark.bytes.length > at && mark.at < at + expected.length) copyInto(expected, mark, at)
    readSync(fd, found, 0, expected.length, offset + at)
    if (!found.subarray(0, expected.length).equals(expected)) return false
  }
  return true
}

function copyInto(expected: Buffer, mark: { at: number; bytes: Buffer }, from: number): void {
  const skip = Math.max(0, from - mark.at)
  mark.bytes.copy(expected, Math.max(0, mark.at - from), skip)
}

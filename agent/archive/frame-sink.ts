// Where frames go. Both kinds keep the order in which they are asked, whatever the threads finish first.
import type { FramePool } from './frame-pool.ts'
import type { ChunkJob, GroupJob, BytesJob, Made } from './frame-jobs.ts'
import type { Frame, Section } from './index-file.ts'
import type { OutFile } from './out-file.ts'
import { copyBetween } from './out-file.ts'
import type { TarFormat } from './protocol.ts'

export interface Placed {
  made: Made
  frame: Frame
}

export interface FrameSink {
  make(job: GroupJob | BytesJob | ChunkJob): Promise<Placed>
  /** Takes frames of an earlier pass over, those that lie side by side. */
  take(of: Section, frames: Frame[]): Promise<Frame[]>
  /** Settles when all of it is written. */
  settled(): Promise<void>
}

/** At most as much is copied by one thread at once. */
const longestRun = 64 * 1024 * 1024

/** Days after which a frame that is taken over is read back with the new ones. */
const unread = 25

interface Run {
  offset: number
  length: number
  /** Settles with what to add to an offset in the earlier file. */
  shift: Promise<number>
  start(): void
}

/** Into the backup itself, one behind the other. What is taken over is copied from `earlier`. */
export class OrderedSink implements FrameSink {
  readonly #pool: FramePool
  readonly #out: OutFile
  readonly #earlier: number
  readonly #today: number
  #end: Promise<number>
  #run: Run | undefined

  constructor(pool: FramePool, out: OutFile, earlier: number, today: number) {
    this.#pool = pool
    this.#out = out
    this.#earlier = earlier
    this.#today = today
    this.#end = Promise.resolve(0)
  }

  make(job: GroupJob | BytesJob | ChunkJob): Promise<Placed> {
    this.#endRun()
    const begun = this.#pool.begin(job)
    const placed = Promise.all([this.#end, begun.made]).then(([offset, made]) => {
      if (made.length > 0 || job.type !== 'chunk' || !job.before) {
        void begun.write(this.#out.fdFor(offset, made.length), offset)
        return { made, frame: frameOf(made, offset, this.#today) }
      }
      begun.drop()
      const { fd, frame } = job.before
      void this.#pool
        .begin({ type: 'copy', from: fd, offset: frame.offset, length: frame.length })
        .write(this.#out.fd, offset)
      return { made, frame: { ...frame, offset } }
    })
    this.#end = placed.then(({ frame }) => frame.offset + frame.length)
    this.#end.catch(() => {}) // the pool tells
    return placed
  }

  async take(_: Section, frames: Frame[]): Promise<Frame[]> {
    const shifts = frames.map((frame) => this.#joinRun(frame))
    const moved = async (frame: Frame, at: number) => {
      const read = this.#today - frame.read < unread ? frame.read : this.#today
      return { ...frame, offset: frame.offset + ((await shifts[at]) ?? 0), read }
    }
    return Promise.all(frames.map(moved))
  }

  async settled(): Promise<void> {
    this.#endRun()
    await this.#end
    await this.#pool.idle()
  }

  /** Bytes so far. */
  length(): Promise<number> {
    this.#endRun()
    return this.#end
  }

  #joinRun(frame: Frame): Promise<number> {
    const run = this.#run
    if (run && run.offset + run.length === frame.offset && run.length < longestRun) {
      run.length += frame.length
      return run.shift
    }
    this.#endRun()
    const begin = this.#end
    const next: Run = {
      offset: frame.offset,
      length: frame.length,
      // known before the run is: whoever waits for it holds the entries of a group
      shift: begin.then((at) => at - frame.offset),
      start: () => {
        const { offset, length } = next
        const copy = this.#pool.begin({ type: 'copy', from: this.#earlier, offset, length })
        this.#end = begin.then((at) => {
          void copy.write(this.#out.fd, at)
          return at + length
        })
        this.#end.catch(() => {})
      },
    }
    next.shift.catch(() => {}) // the pool tells
    this.#run = next
    return next.shift
  }

  #endRun(): void {
    this.#run?.start()
    this.#run = undefined
  }
}

interface Segment {
  from: 'spool' | 'backup'
  offset: number
  length: number
}

/**
 * Behind a backup that stands already, later: meanwhile in a spool. Frames that still hold stay where they are, but for those of
 * folders once anything comes behind them, and parts of files whose other parts have changed.
 */
export class LaterSink implements FrameSink {
  readonly #pool: FramePool
  readonly #out: OutFile
  readonly #spool: number
  readonly #today: number
  readonly #segments: Segment[] = []
  readonly #dead: Omit<Segment, 'from'>[] = []
  #end: Promise<{ at: number; spooled: number }>
  #moves = false

  /** `length`: bytes of the backup as it stands. */
  constructor(pool: FramePool, out: OutFile, spool: number, length: number, today: number) {
    this.#pool = pool
    this.#out = out
    this.#spool = spool
    this.#today = today
    this.#end = Promise.resolve({ at: length, spooled: 0 })
  }

  make(job: GroupJob | BytesJob | ChunkJob): Promise<Placed> {
    this.#moves = true
    const begun = this.#pool.begin(job)
    const placed = Promise.all([this.#end, begun.made]).then(([{ at, spooled }, made]) => {
      if (made.length > 0 || job.type !== 'chunk' || !job.before) {
        void begun.write(this.#spool, spooled)
        this.#segments.push({ from: 'spool', offset: spooled, length: made.length })
        return { made, frame: frameOf(made, at, this.#today), spooled: spooled + made.length }
      }
      begun.drop()
      const { frame } = job.before
      this.#segments.push({ from: 'backup', offset: frame.offset, length: frame.length })
      return { made, frame: { ...frame, offset: at }, spooled }
    })
    this.#end = placed.then(({ frame, spooled }) => ({ at: frame.offset + frame.length, spooled }))
    this.#end.catch(() => {}) // the pool tells
    return placed
  }

  async take(of: Section, frames: Frame[]): Promise<Frame[]> {
    if (of !== 'folders' || !this.#moves) return frames
    this.kill(frames)
    const before = this.#end
    const length = frames.reduce((sum, frame) => sum + frame.length, 0)
    this.#end = before.then(({ at, spooled }) => {
      for (const frame of frames) this.#segments.push({ from: 'backup', offset: frame.offset, length: frame.length })
      return { at: at + length, spooled }
    })
    this.#end.catch(() => {})
    let { at } = await before
    return frames.map((frame) => {
      const moved = { ...frame, offset: at }
      at += frame.length
      return moved
    })
  }

  /** These frames hold no more, once all is in its place. */
  kill(frames: Frame[]): void {
    for (const { offset, length } of frames) this.#dead.push({ offset, length })
  }

  async settled(): Promise<void> {
    await this.#end
    await this.#pool.idle()
  }

  /** Puts everything in its place; returns the length of the backup. Needs nothing of the sources. */
  async assemble(format: TarFormat, beat: () => Promise<void>): Promise<number> {
    const { at: end } = await this.#end
    let at = end - this.#segments.reduce((sum, { length }) => sum + length, 0)
    for (const { from, offset, length } of joined(this.#segments, longestRun)) {
      copyBetween(this.#out.path, from === 'spool' ? this.#spool : this.#out.fd, offset, this.#out.fd, at, length)
      at += length
      await beat()
    }
    for (const { offset, length } of joined(
      this.#dead.toSorted((a, b) => a.offset - b.offset),
      Infinity,
    )) {
      this.#out.kill(format, offset, length)
      await beat()
    }
    return end
  }
}

/** Those side by side as one, of up to about `most` bytes. */
function joined<Range extends Omit<Segment, 'from'> & Partial<Segment>>(
  ranges: readonly Range[],
  most: number,
): Range[] {
  const all: Range[] = []
  for (const range of ranges) {
    const last = all.at(-1)
    if (last && last.from === range.from && last.offset + last.length === range.offset && last.length < most)
      last.length += range.length
    else all.push({ ...range })
  }
  return all
}

function frameOf({ length, raw, hash }: Made, offset: number, today: number): Frame {
  return { offset, length, raw, hash, read: today }
}

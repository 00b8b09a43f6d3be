// Where frames go. Both kinds keep the order in which they are asked, whatever the threads finish first.
import { ftruncateSync } from 'node:fs'
import { ALIGN, CHUNK } from './frame.ts'
import type { FramePool } from './frame-pool.ts'
import { nothingMade, type Made, type MakeJob } from './frame-jobs.ts'
import type { Frame } from './index-file.ts'
import type { OutFile } from './out-file.ts'
import { shareBlocks } from './system-calls.ts'

export interface Placed {
  made: Made
  frame: Frame
}

export interface FrameSink {
  make(job: MakeJob): Promise<Placed>
  /** Takes frames of an earlier pass over, those that lie side by side. */
  take(frames: Frame[]): Promise<Frame[]>
  /** Keeps the content of a large file as it is now, to be read later, where that costs next to nothing; null where it has to be read. */
  keep?(file: KeptFile): Promise<Placed[] | null>
  /** Settles when all of it is written. */
  settled(): Promise<void>
}

/** A large file without holes, and the frames its parts had before. */
export interface KeptFile {
  fd: number
  size: number
  zeros: number
  before: readonly Frame[]
}

/** Smaller files are read in less time than it takes to have what is new in them written to the device, as sharing does. */
const worthKeeping = 16 * 1024 * 1024

/** Longer ones would leave one of those who copy without work. */
const longestRun = 32 * 1024 * 1024

/** Days after which a frame that is taken over is read back with the new ones. */
const mostUnread = 25

interface Run {
  from: number
  offset: number
  length: number
  /** Settles with what to add to an offset in the earlier file. */
  shift: Promise<number>
  start(): void
}

/** Into the backup itself, one behind the other. */
export class OrderedSink implements FrameSink {
  readonly #pool: FramePool
  readonly #out: OutFile
  readonly #earlier: number
  readonly #today: number
  #end: Promise<number>
  #run: Run | undefined

  /** What is taken over is copied from `earlier`; the first frame comes to stand at `begin`. */
  constructor(pool: FramePool, out: OutFile, earlier: number, today: number, begin = 0) {
    this.#pool = pool
    this.#out = out
    this.#earlier = earlier
    this.#today = today
    this.#end = Promise.resolve(begin)
  }

  make(job: MakeJob): Promise<Placed> {
    this.#endRun()
    const begun = this.#pool.begin(job)
    const placed = Promise.all([this.#end, begun.made]).then(([offset, made]) => {
      const before = stillHolds(job, made)
      if (!before) {
        void begun.write(this.#out.fdFor(offset, made.length), offset)
        return { made, frame: frameOf(made, offset, this.#today) }
      }
      begun.drop()
      this.#copy(this.#earlier, before, offset)
      return { made, frame: { ...before, offset } }
    })
    this.#end = placed.then(({ frame }) => frame.offset + frame.length)
    this.#end.catch(() => {}) // the pool tells
    return placed
  }

  async take(frames: Frame[]): Promise<Frame[]> {
    return this.copy(this.#earlier, frames)
  }

  /** Takes frames over that stand in another file. */
  async copy(from: number, frames: Frame[]): Promise<Frame[]> {
    const shifts = frames.map((frame) => this.#joinRun(from, frame))
    const moved = async (frame: Frame, at: number) => {
      const read = this.#today - frame.read < mostUnread ? frame.read : this.#today
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

  #joinRun(from: number, frame: Frame): Promise<number> {
    const run = this.#run
    if (run && run.from === from && run.offset + run.length === frame.offset && run.length < longestRun) {
      run.length += frame.length
      return run.shift
    }
    this.#endRun()
    const begin = this.#end
    const next: Run = {
      from,
      offset: frame.offset,
      length: frame.length,
      // known before the run is: whoever waits for it holds the entries of a group
      shift: begin.then((at) => at - frame.offset),
      start: () => {
        const { length } = next
        this.#end = begin.then((at) => {
          this.#copy(from, next, at)
          return at + length
        })
        this.#end.catch(() => {})
      },
    }
    next.shift.catch(() => {}) // the pool tells
    this.#run = next
    return next.shift
  }

  #copy(from: number, { offset, length }: Pick<Frame, 'offset' | 'length'>, at: number): void {
    const { fd, direct } = this.#out
    this.#out.expect(at, length)
    this.#pool.copy({ from, offset, length }, { fd, direct, offset: at })
  }

  #endRun(): void {
    this.#run?.start()
    this.#run = undefined
  }
}

/**
 * Of the second pass, while the stack is stopped: frames that still hold stay in the backup where they are; all else is put aside as
 * tar and made a frame later. It stands in a spool meanwhile, which a negative offset tells: -1 is the spool's first byte.
 */
export class SpoolSink implements FrameSink {
  readonly #pool: FramePool
  readonly #spool: number
  readonly #today: number
  readonly #roomForTar: number
  #end = Promise.resolve(0)
  #spooled = 0
  /** Parts of files that are kept without a look at what is in them, by their places: the frames that may still hold. */
  readonly unread = new Map<number, Frame | null>()

  /** Beyond `roomForTar` bytes frames are made at once, which takes longer and less room. */
  constructor(pool: FramePool, spool: number, today: number, roomForTar: number) {
    this.#pool = pool
    this.#spool = spool
    this.#today = today
    this.#roomForTar = roomForTar
  }

  make(job: MakeJob): Promise<Placed> {
    const begun = this.#spooled < this.#roomForTar ? this.#pool.putAside(job) : this.#pool.begin(job)
    const placed = Promise.all([this.#end, begun.made]).then(([at, made]) => {
      const before = stillHolds(job, made)
      if (before) begun.drop()
      else void begun.write(this.#spool, at)
      this.#spooled = at + made.length
      return { made, frame: before ?? frameOf(made, -1 - at, this.#today) }
    })
    this.#end = placed.then(() => this.#spooled)
    this.#end.catch(() => {}) // the pool tells
    return placed
  }

  take(frames: Frame[]): Promise<Frame[]> {
    return Promise.resolve(frames)
  }

  async keep({ fd, size, zeros, before }: KeptFile): Promise<Placed[] | null> {
    if (size < worthKeeping) return null
    await this.#end
    const begin = aligned(this.#spooled)
    if (!shareBlocks(fd, 0, this.#spool, begin, 0)) return null
    const end = aligned(begin + size)
    ftruncateSync(this.#spool, end) // what is behind a file's end in its last block reads as zeros
    this.#spooled = end
    this.#end = Promise.resolve(end)
    const placed: Placed[] = []
    for (let at = 0; at < size; at += CHUNK) {
      const length = Math.min(CHUNK, size - at)
      const raw = at + length === size ? length + zeros : length
      const offset = -1 - (begin + at)
      this.unread.set(offset, before[placed.length] ?? null)
      placed.push({
        made: { ...nothingMade(), bytesRead: length },
        frame: { offset, length: raw, raw, hash: '', read: this.#today },
      })
    }
    return placed
  }

  async settled(): Promise<void> {
    await this.#end
    await this.#pool.idle()
  }
}

function aligned(at: number): number {
  return Math.ceil(at / ALIGN) * ALIGN
}

function stillHolds(job: MakeJob, made: Made): Frame | null {
  return job.type === 'chunk' && made.length === 0 ? job.before : null
}

function frameOf({ length, raw, hash, print }: Made, offset: number, today: number): Frame {
  return { offset, length, raw, hash, read: today, print }
}

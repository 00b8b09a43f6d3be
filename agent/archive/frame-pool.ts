// The threads that make frames, one a core. Frames are handed in and told their places in one order, so that the same tree always
// makes the same file; they are read, compressed and written in any. Threads take a tenth of a second to start, so they are kept
// for the next pool.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Checked, CheckJob, FrameTarget, FromWorker, Job, Made, MakeJob, ToWorker } from './frame-jobs.ts'
import { CHUNK } from './frame.ts'
import { weightOf } from './grouping.ts'
import { copyBetween, type Place, type Range } from './out-file.ts'
import { EngineError } from './protocol.ts'
import type { UnpackAnswer, UnpackChunkJob, UnpackJob } from './unpack-jobs.ts'

/** Jobs a thread has before it, and the bytes of tar they become: it never waits for the next, and holds no more than memory should. */
const jobsAhead = 12
const bytesAhead = 3 * CHUNK
/** Ranges that wait to be copied. */
const mostCopying = 1000

/** What there is to a worker. */
export interface Thread {
  postMessage(message: ToWorker): void
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as workers have it
  on(event: 'message' | 'error', listener: (value: any) => void): unknown
  removeAllListeners(event: 'message' | 'error'): unknown
  ref(): void
  unref(): void
  /** Settles once it has done what it was told, and ended. */
  end(): Promise<unknown>
}

type Asked = { type: 'begin'; job: Job } | { type: 'putAside'; job: MakeJob }

const idle: Thread[] = []

interface Pending {
  worker: Thread
  bytes: number
  made(made: Made | Checked | UnpackAnswer): void
  written(): void
  failed(error: unknown): void
}

export interface Begun {
  made: Promise<Made>
  /** Settles when the frame stands there. */
  write(to: number, offset: number): Promise<void>
  /** Instead of `write`. */
  drop(): void
}

export class FramePool implements AsyncDisposable {
  readonly #workers: Thread[]
  readonly #load = new Map<Thread, number>()
  readonly #pending = new Map<number, Pending>()
  readonly #path: string
  readonly #lanes = [Promise.resolve(), Promise.resolve()]
  #copying = 0
  #bytes = 0
  #ids = 0
  #failure: { error: unknown } | undefined
  #waiting: (() => void)[] = []

  constructor(target: FrameTarget, threads = threadsOfAllCores()) {
    this.#workers = threads
    this.#path = target.path
    for (const worker of this.#workers) {
      worker.ref()
      worker.on('message', (message: FromWorker) => this.#hear(message))
      worker.on('error', (error) => this.#fail(error))
      tell(worker, { type: 'target', target })
      this.#load.set(worker, 0)
    }
  }

  /** All threads have as much before them as they should. */
  get full(): boolean {
    const each = 1 / this.#workers.length
    return this.#pending.size * each >= jobsAhead || this.#bytes * each >= bytesAhead
  }

  /** Settles when there is room for one more; rejects once a frame could not be made or written. */
  async room(): Promise<void> {
    while ((this.full || this.#copying > mostCopying) && !this.#failure) await this.#change()
    this.check()
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#pending.size + this.#copying > 0 && !this.#failure) await this.#change()
    this.check()
  }

  /** Throws what went wrong on a thread. */
  check(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Rejects with an EngineError. */
  checked(job: CheckJob): Promise<Checked> {
    return this.#answer(job) as Promise<Checked>
  }

  /** For a target to unpack into. Rejects with an EngineError. */
  unpacked(job: UnpackJob | UnpackChunkJob): Promise<UnpackAnswer> {
    return this.#answer(job) as Promise<UnpackAnswer>
  }

  begin(job: MakeJob): Begun {
    return this.#begun({ type: 'begin', job })
  }

  /** Copies within the kernel, beside what the threads do. */
  copy(range: Range, to: Place): void {
    const lane = this.#copying++ % this.#lanes.length
    const before = this.#lanes[lane]
    const copied = async () => {
      await before
      try {
        if (!this.#failure) await copyBetween(this.#path, range, to)
      } catch (error) {
        this.#fail(error)
      }
      this.#copying--
      this.#wake()
    }
    this.#lanes[lane] = copied()
  }

  /** What is made is tar. */
  putAside(job: MakeJob): Begun {
    return this.#begun({ type: 'putAside', job })
  }

  #begun(asked: Asked): Begun {
    const { id, worker, made, written } = this.#begin(asked)
    return {
      made: made as Promise<Made>,
      write: (to, offset) => {
        tell(worker, { type: 'write', id, to, offset })
        return written
      },
      drop: () => {
        tell(worker, { type: 'drop', id })
        this.#end(id)
      },
    }
  }

  /** Threads that are still at work, or have failed, are ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const workers = this.#workers.splice(0)
    for (const worker of workers) {
      worker.removeAllListeners('message')
      worker.removeAllListeners('error')
    }
    if (this.#copying > 0) this.#failure ??= { error: new Error('it is not wanted any more') }
    await Promise.all(this.#lanes)
    if (this.#failure || this.#pending.size > 0) await Promise.all(workers.map((worker) => worker.end()))
    else
      for (const worker of workers) {
        tell(worker, { type: 'leave' })
        worker.unref()
        idle.push(worker)
      }
  }

  async #answer(job: Job) {
    const { id, made } = this.#begin({ type: 'begin', job })
    const answer = await made
    this.#end(id)
    return answer
  }

  #begin(asked: Asked) {
    this.check()
    const id = ++this.#ids
    const worker = this.#workers.toSorted((a, b) => (this.#load.get(a) ?? 0) - (this.#load.get(b) ?? 0))[0]
    if (!worker) throw new Error('the threads are not this one’s any more')
    this.#load.set(worker, (this.#load.get(worker) ?? 0) + 1)
    const made = Promise.withResolvers<Made | Checked | UnpackAnswer>()
    const written = Promise.withResolvers<void>()
    made.promise.catch(() => {}) // `check` tells
    written.promise.catch(() => {})
    const failed = (error: unknown) => {
      made.reject(error)
      written.reject(error)
    }
    const bytes = bytesOf(asked.job)
    this.#bytes += bytes
    this.#pending.set(id, { worker, bytes, made: made.resolve, written: written.resolve, failed })
    tell(worker, { ...asked, id })
    return { id, worker, made: made.promise, written: written.promise }
  }

  #hear(message: FromWorker): void {
    const pending = this.#pending.get(message.id)
    switch (message.type) {
      case 'failed':
        return this.#fail(
          message.code === 'DEFECT' ? new Error(message.message) : new EngineError(message.code, message.message),
        )
      case 'made':
        return pending?.made(message.made)
      case 'checked':
        return pending?.made(message.checked)
      case 'unpacked':
        return pending?.made(message.answer)
      case 'written':
        pending?.written()
        this.#end(message.id)
    }
  }

  #end(id: number): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (!pending) return
    const { worker, bytes } = pending
    this.#bytes -= bytes
    this.#load.set(worker, (this.#load.get(worker) ?? 1) - 1)
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    for (const pending of this.#pending.values()) pending.failed(this.#failure.error)
    this.#wake()
  }

  #change(): Promise<void> {
    return new Promise((done) => this.#waiting.push(done))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done()
  }
}

/** Bytes of tar that are held until they are written, about. */
function bytesOf(job: Job): number {
  switch (job.type) {
    case 'group':
      return job.entries.reduce((sum, entry) => sum + weightOf(entry.kind === 'file' ? entry.size : 0), 0)
    case 'chunk':
      return CHUNK
    case 'bytes':
      return job.bytes.length
    case 'spooled':
      return job.length
    default:
      return 0
  }
}

function threadsOfAllCores(): Thread[] {
  return Array.from({ length: availableParallelism() }, () => idle.pop() ?? startWorker())
}

/** It is never terminated: within native code, or before that is loaded, this would end the whole process. */
function startWorker(): Thread {
  const worker = new Worker(new URL('./frame-worker.ts', import.meta.url), {
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  })
  const ended = new Promise((done) => worker.once('exit', done))
  const end = () => {
    worker.on('error', () => {}) // whoever ends it knows already that something failed
    tell(thread, { type: 'end' })
    return ended
  }
  const thread: Thread = Object.assign(worker, { end })
  return thread
}

function tell(worker: Thread, message: ToWorker): void {
  worker.postMessage(message)
}

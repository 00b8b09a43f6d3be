// The threads that make frames, one a core. Frames are handed in and told their places in one order, so that the same tree always
// makes the same file; they are read, compressed and written in any.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Checked, CheckJob, FrameTarget, FromWorker, Job, Made, ToWorker } from './frame-jobs.ts'
import { EngineError } from './protocol.ts'

/** Jobs a thread has before it, so that it never waits for the next, and holds no more than memory should. */
const ahead = 3

interface Pending {
  worker: Worker
  made(made: Made | Checked): void
  written(): void
  failed(error: unknown): void
}

export interface Begun {
  /** For a copy: settled at once. */
  made: Promise<Made>
  /** Settles when the frame stands there. */
  write(to: number, offset: number): Promise<void>
  /** Instead of `write`. */
  drop(): void
}

export class FramePool implements AsyncDisposable {
  readonly #workers: Worker[]
  readonly #load = new Map<Worker, number>()
  readonly #pending = new Map<number, Pending>()
  #ids = 0
  #failure: { error: unknown } | undefined
  #waiting: (() => void)[] = []

  constructor(target: FrameTarget & { path: string }, threads = availableParallelism()) {
    this.#workers = Array.from({ length: threads }, () => {
      const worker = new Worker(new URL('./frame-worker.ts', import.meta.url), {
        workerData: target,
        execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: 8 },
      })
      worker.on('message', (message: FromWorker) => this.#hear(message))
      worker.on('error', (error) => this.#fail(error))
      this.#load.set(worker, 0)
      return worker
    })
  }

  /** All threads have as much before them as they should. */
  get full(): boolean {
    return this.#pending.size >= this.#workers.length * ahead
  }

  /** Settles when there is room for one more; rejects once a frame could not be made or written. */
  async room(): Promise<void> {
    while (this.full && !this.#failure) await new Promise<void>((done) => this.#waiting.push(done))
    this.check()
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0 && !this.#failure) await new Promise<void>((done) => this.#waiting.push(done))
    this.check()
  }

  /** Throws what went wrong on a thread. */
  check(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Rejects with an EngineError. */
  async checked(job: CheckJob): Promise<Checked> {
    const { id, made } = this.#begin(job)
    try {
      return (await made) as Checked
    } finally {
      this.#end(id)
    }
  }

  begin(job: Exclude<Job, CheckJob>): Begun {
    const { id, worker, made, written } = this.#begin(job)
    const tell = (message: ToWorker) => worker.postMessage(message)
    return {
      made: made as Promise<Made>,
      write: (to, offset) => {
        tell({ type: 'write', id, to, offset })
        return written
      },
      drop: () => {
        tell({ type: 'drop', id })
        this.#end(id)
      },
    }
  }

  #begin(job: Job) {
    this.check()
    const id = ++this.#ids
    const worker = this.#workers.toSorted((a, b) => (this.#load.get(a) ?? 0) - (this.#load.get(b) ?? 0))[0]
    if (!worker) throw new Error('there are no threads')
    this.#load.set(worker, (this.#load.get(worker) ?? 0) + 1)
    const made = Promise.withResolvers<Made | Checked>()
    const written = Promise.withResolvers<void>()
    made.promise.catch(() => {}) // `check` tells
    written.promise.catch(() => {})
    const failed = (error: unknown) => {
      made.reject(error)
      written.reject(error)
    }
    this.#pending.set(id, { worker, made: made.resolve, written: written.resolve, failed })
    worker.postMessage({ type: 'begin', id, job } satisfies ToWorker)
    return { id, worker, made: made.promise, written: written.promise }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  #hear(message: FromWorker): void {
    const pending = this.#pending.get(message.id)
    if (message.type === 'failed') {
      this.#fail(
        message.code === 'DEFECT' ? new Error(message.message) : new EngineError(message.code, message.message),
      )
    } else if (message.type === 'made') pending?.made(message.made)
    else if (message.type === 'checked') pending?.made(message.checked)
    else {
      pending?.written()
      this.#end(message.id)
    }
  }

  #end(id: number): void {
    const worker = this.#pending.get(id)?.worker
    this.#pending.delete(id)
    if (worker) this.#load.set(worker, (this.#load.get(worker) ?? 1) - 1)
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    for (const pending of this.#pending.values()) pending.failed(this.#failure.error)
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done()
  }
}

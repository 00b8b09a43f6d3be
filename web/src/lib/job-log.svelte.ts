// A job's log as it is written, with the job's own state, over one stream that resumes after the last line seen.
import { inChunks } from './log-lines.ts'
import type { Job, JobStack, LogLine } from './rows.ts'
import { openStream } from './stream.ts'

/** Milliseconds in which lines are gathered before they are drawn. */
const gather = 16

export class JobLog {
  /** All lines in order, in chunks of `chunkSize`; a chunk that is full never changes. */
  chunks = $state.raw<readonly (readonly LogLine[])[]>([])
  count = $state(0)
  /** True while the connection has been gone for more than a moment. */
  lost = $state(false)
  /** True once the job has finished and every line is here. */
  complete = $state(false)
  #id: number
  #lastLine = 0
  #fresh: LogLine[] = []
  #draw: ReturnType<typeof setTimeout> | undefined

  constructor(id: number) {
    this.#id = id
  }

  start(onStatus: (status: { job: Job; metrics: JobStack[] }) => void): () => void {
    const close = openStream({
      address: () => `/api/jobs/${this.#id}/events?last_line=${this.#lastLine}`,
      on: {
        log: (data) => this.#take(JSON.parse(data)),
        status: (data) => onStatus(JSON.parse(data)),
        end: () => {
          close()
          this.#flush()
          this.complete = true
        },
      },
      lost: (lost) => (this.lost = lost && !this.complete),
    })
    return () => {
      close()
      clearTimeout(this.#draw)
    }
  }

  /** Lines that a reconnect sends again are passed over. */
  #take(line: LogLine): void {
    if (line.line <= this.#lastLine) return
    this.#lastLine = line.line
    this.#fresh.push(line)
    this.#draw ??= setTimeout(() => this.#flush(), gather)
  }

  #flush(): void {
    clearTimeout(this.#draw)
    this.#draw = undefined
    if (this.#fresh.length === 0) return
    this.chunks = inChunks(this.chunks, this.#fresh)
    this.count += this.#fresh.length
    this.#fresh = []
  }
}

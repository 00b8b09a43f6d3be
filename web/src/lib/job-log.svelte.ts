// A job as it goes on, over one stream that resumes after the last line seen: its state, and its new lines for whoever
// shows some of its log.
import type { LogFilter } from './log-lines.ts'
import { LogView } from './log-view.svelte.ts'
import type { JobDetail, LogLine } from './rows.ts'
import { openStream } from './stream.ts'

/** Milliseconds in which lines are gathered before they are drawn. */
const gather = 16
/** Of the lines written already only so many are sent; others are fetched when they are looked at. */
const newest = 400

export class JobLog {
  /** Number of the newest line seen. */
  lastLine = $state(0)
  /** True while the connection has been gone for more than a moment. */
  lost = $state(false)
  /** True once the job has finished and its last line is here. */
  complete = $state(false)
  /** True once the newest lines are here. */
  begun = $state(false)
  #id: number
  #views = new Set<LogView>()
  #received = 0
  #fresh: LogLine[] = []
  #draw: ReturnType<typeof setTimeout> | undefined

  constructor(id: number) {
    this.#id = id
  }

  /** Lines of the log that stay up to date until they are closed. */
  view(filter: LogFilter): LogView {
    const view = new LogView(this.#id, filter, this.lastLine)
    this.#views.add(view)
    return view
  }

  close(view: LogView): void {
    view.close()
    this.#views.delete(view)
  }

  start(onStatus: (status: JobDetail) => void): () => void {
    const close = openStream({
      address: () => `/api/jobs/${this.#id}/events?last_line=${this.#received}&newest=${newest}`,
      on: {
        log: (data) => this.#take(JSON.parse(data)),
        status: (data) => {
          const status = JSON.parse(data)
          onStatus(status)
          if (status.job.last_line === 0) this.begun = true
        },
        end: () => {
          close()
          this.#flush()
          this.complete = true
          this.begun = true
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
    if (line.line <= this.#received) return
    this.#received = line.line
    this.#fresh.push(line)
    this.#draw ??= setTimeout(() => this.#flush(), gather)
  }

  #flush(): void {
    clearTimeout(this.#draw)
    this.#draw = undefined
    const fresh = this.#fresh.splice(0)
    const [first, last] = [fresh[0], fresh.at(-1)]
    if (!first || !last) return
    const gap = fresh.length !== last.line - this.lastLine
    this.lastLine = last.line
    this.begun = true
    for (const view of this.#views) {
      view.take(fresh)
      if (gap) void view.index()
    }
  }
}

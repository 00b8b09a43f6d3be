// Some lines of a job's log, by their place: all of them, or those that match. Only pages that are looked at are fetched
// and few are kept, so that a million lines cost no more than a thousand.
import * as api from './api.ts'
import { matches, type LogFilter } from './log-lines.ts'
import type { LogLine } from './rows.ts'

/** Lines fetched together; the step of the server's index. */
const pageSize = 200
const mostPages = 60
const mostRequests = 2
const retryMilliseconds = 1500

type Page = (LogLine | undefined)[]

export class LogView {
  readonly filter: LogFilter
  /** Lines in it so far. */
  count = $state(0)
  /** False until it is known how many there are. */
  ready = $state(false)
  #came = $state(0)
  #id: number
  #all: boolean
  /** The number of the first line of each page; worked out where every line is in the view. */
  #firsts: number[] = []
  #lastLine = 0
  #pages = new Map<number, Page>()
  #wanted: number[] = []
  /** How many lines there were when a page was answered: asked again it would hold no more. */
  #answered = new Map<number, number>()
  #asked = new Map<number, Promise<Page>>()
  #early: LogLine[] = []
  #indexing: Promise<void> | undefined
  #closed = false

  /** `lastLine`: the newest one known. */
  constructor(id: number, filter: LogFilter, lastLine: number) {
    this.#id = id
    this.filter = filter
    this.#all = filter.stack === undefined && filter.level === undefined && filter.search === undefined
    if (this.#all) {
      this.count = Math.max(0, lastLine - filter.after)
      this.ready = lastLine > 0
    } else void this.index()
  }

  /** Undefined while it is not here; `want` it. */
  line(row: number): LogLine | undefined {
    void this.#came
    return this.#pages.get(Math.floor(row / pageSize))?.[row % pageSize]
  }

  /** Fetches what is missing between these rows. What was wanted before is not any more. */
  want(from: number, to: number): void {
    const pages = []
    for (let page = Math.floor(from / pageSize); page * pageSize < to; page++) pages.push(page)
    this.#wanted = pages.filter((page) => {
      if (this.#answered.get(page) === this.count) return false
      const last = Math.min(to, (page + 1) * pageSize)
      for (let row = Math.max(from, page * pageSize); row < last; row++) if (!this.line(row)) return true
      return false
    })
    this.#fetchWanted()
  }

  /** The place of this line, or of the next one that is in the view. */
  async rowOf(line: number): Promise<number> {
    if (this.#all) return Math.max(0, line - this.filter.after - 1)
    let page = 0
    // the last page that begins at or before the line
    for (let low = 0, high = this.#firsts.length - 1; low <= high;) {
      const middle = (low + high) >> 1
      if ((this.#firsts[middle] ?? 0) <= line) [page, low] = [middle, middle + 1]
      else high = middle - 1
    }
    const lines = await this.#fetch(page)
    const at = lines.findIndex((one) => one !== undefined && one.line >= line)
    return page * pageSize + (at >= 0 ? at : lines.length)
  }

  /** The line in this place, fetched if need be. */
  async lineAt(row: number): Promise<LogLine | undefined> {
    return this.line(row) ?? (await this.#fetch(Math.floor(row / pageSize)))[row % pageSize]
  }

  async lines(from: number, to: number): Promise<LogLine[]> {
    const found: LogLine[] = []
    for (let row = from; row < to; row++) {
      const line = await this.lineAt(row)
      if (line) found.push(line)
    }
    return found
  }

  /** New lines, in order. Where their numbers leave a gap, `index` is called after. */
  take(lines: readonly LogLine[]): void {
    if (this.#all) {
      for (const line of lines) this.#put(line.line - this.filter.after - 1, line)
      this.ready = true
    } else if (this.ready) {
      for (const line of lines) {
        if (line.line <= this.#lastLine) continue
        this.#lastLine = line.line
        if (!matches(line, this.filter)) continue
        if (this.count % pageSize === 0) this.#firsts.push(line.line)
        this.#put(this.count, line)
      }
    } else this.#early.push(...lines)
    this.#came++
  }

  /** Asks the server where the lines are; resolves when it has said so. */
  index(): Promise<void> {
    if (this.#all) return Promise.resolve()
    return (this.#indexing ??= this.#index().finally(() => (this.#indexing = undefined)))
  }

  async #index(): Promise<void> {
    this.ready = false
    for (; !this.#closed && !this.ready;) {
      try {
        const { count, lines, last_line } = await api.jobs.logPlaces(this.#id, this.filter)
        ;[this.count, this.#firsts, this.#lastLine, this.ready] = [count, lines, last_line, true]
        this.take(this.#early.splice(0))
      } catch {
        await new Promise((done) => setTimeout(done, retryMilliseconds))
      }
    }
  }

  close(): void {
    this.#closed = true
    this.#wanted = []
  }

  #put(row: number, line: LogLine): void {
    if (row < 0) return
    const at = Math.floor(row / pageSize)
    const page = this.#pages.get(at) ?? this.#keep(at, [])
    page[row % pageSize] = line
    this.count = Math.max(this.count, row + 1)
  }

  #keep(at: number, page: Page): Page {
    this.#pages.delete(at)
    this.#pages.set(at, page)
    if (this.#pages.size > mostPages) {
      for (const old of this.#pages.keys()) {
        if (old === at || this.#wanted.includes(old)) continue
        this.#pages.delete(old)
        this.#answered.delete(old)
        break
      }
    }
    return page
  }

  #fetchWanted(): void {
    for (const page of this.#wanted) {
      if (this.#asked.size >= mostRequests) return
      if (this.#asked.has(page)) continue
      void this.#fetch(page).then(
        () => {
          this.#wanted = this.#wanted.filter((wanted) => wanted !== page)
          this.#fetchWanted()
        },
        () => setTimeout(() => this.#fetchWanted(), retryMilliseconds),
      )
    }
  }

  #fetch(page: number): Promise<Page> {
    const asked = this.#asked.get(page) ?? this.#ask(page).finally(() => this.#asked.delete(page))
    this.#asked.set(page, asked)
    return asked
  }

  async #ask(at: number): Promise<Page> {
    const first = this.#all ? this.filter.after + at * pageSize + 1 : this.#firsts[at]
    if (first === undefined) return []
    const { lines } = await api.jobs.logTail(this.#id, { ...this.filter, after: first - 1 }, pageSize)
    const page = this.#keep(at, this.#pages.get(at) ?? [])
    lines.forEach((line, row) => (page[this.#all ? line.line - first : row] = line))
    this.#answered.set(at, this.count)
    this.#came++
    return page
  }
}

// Looking for a text in a job's log: the server says where it is, and one match after the other is shown.
import type { JobLog } from './job-log.svelte.ts'
import type { LogFilter } from './log-lines.ts'
import type { LogView } from './log-view.svelte.ts'

export class LogSearch {
  /** What is looked for; empty when nothing is. */
  text = $state('')
  found = $state.raw<LogView | null>(null)
  /** Which match is shown, from 0; null before the first. */
  at = $state<number | null>(null)
  #log: JobLog
  #show: (line: number) => void

  constructor(log: JobLog, show: (line: number) => void) {
    this.#log = log
    this.#show = show
  }

  get searching(): boolean {
    return this.found !== null && !this.found.ready
  }

  /** Among the lines of this filter; the match nearest below `from` is shown first, or else the last one. */
  async look(text: string, filter: LogFilter, from: number): Promise<void> {
    if (this.found) this.#log.close(this.found)
    this.found = null
    this.at = null
    this.text = text.trim()
    if (this.text === '') return
    const view = this.#log.view({ ...filter, search: this.text })
    this.found = view
    await view.index()
    if (this.found !== view || view.count === 0) return
    await this.go(Math.min(await view.rowOf(from), view.count - 1))
  }

  /** To the next match; to the one before with -1. Begins again at the other end. */
  async step(by: 1 | -1): Promise<void> {
    const count = this.found?.count ?? 0
    if (count === 0) return
    await this.go(this.at === null ? 0 : (this.at + by + count) % count)
  }

  async go(at: number): Promise<void> {
    const view = this.found
    const line = await view?.lineAt(at)
    if (!line || this.found !== view) return
    this.at = at
    this.#show(line.line)
  }

  close(): void {
    if (this.found) this.#log.close(this.found)
    this.found = null
  }
}

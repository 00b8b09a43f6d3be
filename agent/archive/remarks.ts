// Notes and warnings on single entries, counted all, told one by one only up to a limit.
import type { RemarkEvent } from './protocol.ts'
import { printable, reasonOf } from './words.ts'

const toldOneByOne = 1000

export const readEveryTime =
  'Files on tmpfs, network and FUSE file systems are read every time: their times prove nothing'

export class Remarks {
  unreadable = 0
  changed = 0
  readonly #told = { note: 0, warning: 0 }
  readonly #tell: (event: RemarkEvent) => void

  constructor(tell: (event: RemarkEvent) => void) {
    this.#tell = tell
  }

  /** An entry could not be opened or visited. What vanished meanwhile was no part of the stack any more: a note. */
  notRead(name: string, error: { code?: string | undefined; message: string }, what = 'it'): void {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return this.note(name, 'vanished while it was read')
    // O_NOFOLLOW met a link, or a folder or readlink met another kind of file
    if (error.code === 'ELOOP' || error.code === 'EINVAL') return this.replaced(name)
    this.unreadable++
    this.#remark('warning', name, `cannot be read: ${reasonOf(error)}; ${what} is not in the archive`)
  }

  /** Its place in the archive was already given out, so the rest is zeros. */
  notReadWholly(name: string, read: number, size: number, error: unknown): void {
    this.unreadable++
    const text = `cannot be read beyond byte ${read} of ${size}: ${reasonOf(error)}; the rest is zeros in the archive`
    this.#remark('warning', name, text)
  }

  /** It could be read, but what it is cannot be made in the backup. */
  notMade(name: string, error: unknown): void {
    this.unreadable++
    this.#remark('warning', name, `cannot be made in the backup: ${reasonOf(error)}; it is not in the archive`)
  }

  replaced(name: string): void {
    this.changedWhileRead(name, 'was replaced by something else while it was read; it is not in the archive')
  }

  changedWhileRead(name: string, text: string): void {
    this.changed++
    this.#remark('warning', name, text)
  }

  note(name: string, text: string): void {
    this.#remark('note', name, text)
  }

  /** On the backup as a whole. */
  onAll(type: RemarkEvent['type'], text: string): void {
    this.#tell({ type, path: '', text })
  }

  /** Counts what was not told. */
  end(): void {
    for (const type of ['note', 'warning'] as const) {
      const more = this.#told[type] - toldOneByOne
      if (more > 0) this.#tell({ type, path: '', text: `and ${more} more ${type}s that are not listed one by one` })
    }
  }

  #remark(type: RemarkEvent['type'], name: string, text: string): void {
    this.#told[type]++
    if (this.#told[type] <= toldOneByOne) this.#tell({ type, path: printable(name), text })
  }
}

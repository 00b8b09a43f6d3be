// The index of a folder backup: its files, each with the line that any index has of it and the SHA-256 of its content. With it, the next
// backup takes over what has not changed, and the pass of the stopped window what the one before has copied.
//   ["f", name, …]                     as in index-file.ts
//   =SHA-256 in hex[ taken]            taken: from an earlier backup
import { isReread, nameIn } from './entry-line.ts'
import type { FolderSummary, IndexReader } from './index-file.ts'
import type { IndexWriter } from './index-writer.ts'
import type { WalkOrder } from './walk-order.ts'

export interface KnownFile {
  /** SHA-256 of its content, in hex. */
  content: string
  /** From an earlier backup. */
  taken: boolean
}

/** Lines that are written together. */
const together = 1000

export class FolderIndexWriter {
  readonly #index: IndexWriter
  #lines: string[] = []

  constructor(index: IndexWriter) {
    this.#index = index
  }

  add(line: string, { content, taken }: KnownFile): void {
    this.#lines.push(line, taken ? `=${content} taken` : `=${content}`)
    if (this.#lines.length >= together) this.end()
  }

  /** Call after the last file. */
  end(): void {
    this.#index.group({ of: 'files', frames: [], lines: this.#lines, taken: false })
    this.#lines = []
  }
}

/** The files of an earlier pass, met one by one in the order of the walk. */
export class FilesBefore {
  readonly #files: Iterator<[line: string, known: string], void>
  readonly #inOrder: WalkOrder
  #next: { name: string; line: string; known: string } | undefined

  constructor(index: IndexReader<FolderSummary>, inOrder: WalkOrder) {
    this.#files = filesIn(index)
    this.#inOrder = inOrder
    this.#advance()
  }

  /** Null where it is another one than before, or may be. Call in order. */
  meet(name: string, line: string): KnownFile | null {
    while (this.#next && this.#inOrder(this.#next.name, name) < 0) this.#advance()
    const met = this.#next
    if (met?.line !== line || isReread(line)) return null
    const [content = '', taken] = met.known.slice(1).split(' ')
    return { content, taken: taken !== undefined }
  }

  #advance(): void {
    const { value, done } = this.#files.next()
    this.#next = done ? undefined : { name: nameIn(value[0]), line: value[0], known: value[1] }
  }
}

function* filesIn(index: IndexReader<FolderSummary>): Generator<[line: string, known: string], void> {
  for (const { lines } of index.groups())
    for (let at = 0; at + 1 < lines.length; at += 2) yield [lines[at] ?? '', lines[at + 1] ?? '']
}

// Which entries are wanted, and how their names are told apart from those that lead elsewhere.
import { mayBegin } from './entry-line.ts'

/** Names in a backup, bytes as latin1: these and what is below them. */
export class Selection {
  readonly #paths: string[]

  /** Empty: everything. */
  constructor(paths: readonly string[]) {
    this.#paths = paths.map((path) => partsOf(path)?.join('/') ?? path)
  }

  get isAll(): boolean {
    return this.#paths.length === 0
  }

  has(name: string): boolean {
    if (this.isAll) return true
    const plain = name.endsWith('/') ? name.slice(0, -1) : name
    return this.#paths.some((path) => path === '' || plain === path || plain.startsWith(`${path}/`))
  }

  /** False where a line of an index surely is of no entry that is wanted. */
  mayHave(line: string): boolean {
    return this.isAll || this.#paths.some((path) => mayBegin(line, path))
  }

  /** Something below is wanted, but not it itself. */
  leadsTo(name: string): boolean {
    return !this.isAll && !this.has(name) && this.#paths.some((path) => path.startsWith(`${name}/`))
  }
}

/** Of a name as it stands in a tar. Null where it is absolute, climbs, or is no name at all; empty for the top itself. */
export function partsOf(name: string): string[] | null {
  if (name.startsWith('/') || name.includes('\0')) return null
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..') ? null : parts
}

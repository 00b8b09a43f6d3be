// Leaves out what exclude patterns name, as git does with a .gitignore at the top of each source.
import ignore, { type Ignore } from 'ignore'
import { counted } from 'db/domain/size'
import { latin1 } from './names.ts'

/** It remembers every path it was asked about, which is of no use to a walk that meets each but once. */
const askedAtMost = 2_000

export class Exclusion {
  #rules: Ignore
  readonly #any: boolean
  #asked = 0
  #files = 0
  #folders = 0

  /** Patterns are matched as bytes, like the names, and with regard to case. */
  constructor(patterns: string[]) {
    this.#any = patterns.length > 0
    this.#rules = fresh().add(patterns.map(latin1))
  }

  /** `name` is relative to its source. What lies below a folder that is left out is never asked for. */
  leavesOut(name: string, isFolder: boolean): boolean {
    if (!this.#any) return false
    if (++this.#asked % askedAtMost === 0) this.#rules = fresh().add(this.#rules)
    if (!this.#rules.ignores(isFolder ? `${name}/` : name)) return false
    if (isFolder) this.#folders++
    else this.#files++
    return true
  }

  inWords(): string {
    const files = counted(this.#files, 'file')
    const folders = `${counted(this.#folders, 'folder')} with all in ${this.#folders === 1 ? 'it' : 'them'}`
    return `Left out by the exclude patterns: ${this.#folders === 0 ? files : `${files}, ${folders}`}`
  }
}

function fresh(): Ignore {
  return ignore({ ignorecase: false, allowRelativePaths: true })
}

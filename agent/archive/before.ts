// What an earlier pass found, met group by group by the present one: both go through names in the same order.
import { nameIn, inWalkOrder, isReread } from './entry-line.ts'
import { sections, type Group, type Section } from './index-file.ts'

export interface Met {
  group: Group
  /** Every entry is as it was. */
  same: boolean
}

export class Before {
  readonly #groups: Iterator<Group, void>
  /** Names of the sources in the order in which they are walked. */
  readonly #sources: readonly string[]
  readonly #gone: (group: Group) => void
  #next: (Group & { first: string }) | undefined

  /** `gone` is told each group that is not there any more, or is there with other entries. */
  constructor(groups: Iterator<Group, void>, sources: readonly string[], gone: (group: Group) => void = () => {}) {
    this.#groups = groups
    this.#sources = sources
    this.#gone = gone
    this.#advance()
  }

  /** The group that began with this name, if there was one. Call in order. */
  meet(of: Section, first: string, lines: readonly string[]): Met | null {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      const place = this.#order(next.of, next.first, of, first)
      if (place > 0) return null
      this.#advance()
      const same = place === 0 && areSame(next.lines, lines)
      if (!same) this.#gone(next)
      if (place === 0) return { group: next, same }
    }
    return null
  }

  /** Call after the last group. */
  end(): void {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#gone(next)
      this.#advance()
    }
  }

  #order(ofA: Section, a: string, ofB: Section, b: string): number {
    if (ofA !== ofB) return sections.indexOf(ofA) - sections.indexOf(ofB)
    // what is of no source any more comes before all that is
    const [inA, inB] = [this.#sourceOf(a), this.#sourceOf(b)]
    if (inA < 0) return -1
    const place = inA === inB ? inWalkOrder(a, b) : inA - inB
    // folders stand behind what is in them
    return ofA === 'folders' ? -place : place
  }

  #sourceOf(name: string): number {
    return this.#sources.findIndex((source) => isIn(source, name))
  }

  #advance(): void {
    const { value, done } = this.#groups.next()
    // what was made for an earlier backup is made anew
    this.#next = done || value.of === 'made' ? undefined : { ...value, first: nameIn(value.lines[0] ?? '') }
  }
}

function isIn(source: string, name: string): boolean {
  return name === source || source === '' || name.startsWith(`${source}/`)
}

function areSame(before: readonly string[], now: readonly string[]): boolean {
  return before.length === now.length && before.every((line, at) => line === now[at] && !isReread(line))
}

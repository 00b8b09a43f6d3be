// What an earlier pass found, met group by group by the present one: both go through names in the same order.
import { nameIn, isReread } from './entry-line.ts'
import { sections, type Group, type Section } from './index-file.ts'
import type { WalkOrder } from './walk-order.ts'

export interface Met {
  group: Group
  /** Every entry is as it was. */
  same: boolean
}

export class Before {
  readonly #groups: Iterator<Group, void>
  readonly #inOrder: WalkOrder
  readonly #gone: (group: Group) => void
  #next: (Group & { first: string }) | undefined

  /** `gone` is told each group that is not there any more, or is there with other entries. */
  constructor(groups: Iterator<Group, void>, inOrder: WalkOrder, gone: (group: Group) => void = () => {}) {
    this.#groups = groups
    this.#inOrder = inOrder
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
    const place = this.#inOrder(a, b)
    // folders stand behind what is in them
    return ofA === 'folders' && place !== -Infinity ? -place : place
  }

  #advance(): void {
    const { value, done } = this.#groups.next()
    // what was made for an earlier backup is made anew
    this.#next = done || value.of === 'made' ? undefined : { ...value, first: nameIn(value.lines[0] ?? '') }
  }
}

function areSame(before: readonly string[], now: readonly string[]): boolean {
  return before.length === now.length && before.every((line, at) => line === now[at] && !isReread(line))
}

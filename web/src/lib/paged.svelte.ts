// A list that is fetched page by page, and kept up to date as far as it is shown.
import { Live } from './live.svelte.ts'
import type { Resource } from './events.svelte.ts'
import { asProblem } from './problem.ts'

interface Part<T> {
  rows: T[]
  next_cursor: string | null
}

export class Paged<T extends { id: number }> {
  first: Live<Part<T>>
  #fetch: (cursor: string | undefined) => Promise<Part<T>>
  #older = $state.raw<Part<T> | null>(null)
  problem = $state('')

  constructor(fetch: (cursor: string | undefined) => Promise<Part<T>>, resources: readonly Resource[]) {
    this.#fetch = fetch
    this.first = new Live(() => fetch(undefined), resources)
  }

  /** The newest page as it is now, then the older ones as they were fetched. */
  get rows(): T[] {
    const newest = this.first.value?.rows ?? []
    const known = new Set(newest.map((row) => row.id))
    return [...newest, ...(this.#older?.rows ?? []).filter((row) => !known.has(row.id))]
  }

  get hasMore(): boolean {
    return (this.#older ?? this.first.value)?.next_cursor != null
  }

  async more(): Promise<void> {
    const cursor = (this.#older ?? this.first.value)?.next_cursor
    if (cursor == null) return
    this.problem = ''
    try {
      // the newest page moves on as rows are added: what it held when this was asked for is kept
      const kept = this.#older?.rows ?? this.first.value?.rows ?? []
      const part = await this.#fetch(cursor)
      this.#older = { rows: [...kept, ...part.rows], next_cursor: part.next_cursor }
    } catch (error) {
      this.problem = asProblem(error).message
    }
  }
}

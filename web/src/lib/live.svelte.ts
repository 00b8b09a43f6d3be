// Rows that keep themselves up to date: fetched when first shown, again when the server says they changed,
// and left alone when nobody looks.
import { createSubscriber } from 'svelte/reactivity'
import { events, type Resource } from './events.svelte.ts'
import { asProblem, type Problem } from './problem.ts'
import { session } from './session.svelte.ts'

/** Milliseconds between two fetches of the same rows, however fast they change. */
const calm = 300

export class Live<T> {
  #value = $state.raw<T>()
  #problem = $state.raw<Problem>()
  #load: () => Promise<T>
  #subscribe: () => void
  #watched = false
  #fetching = false
  #again = false

  constructor(load: () => Promise<T>, resources: readonly Resource[], id: number | null = null) {
    this.#load = load
    this.#subscribe = createSubscriber(() => {
      this.#watched = true
      void events.begun().then(() => {
        if (this.#watched) void this.refresh()
      })
      const stop = events.on((change) => {
        const concerns =
          change === 'everything' ||
          (resources.includes(change.resource) && (id === null || change.id === null || change.id === id))
        if (concerns) void this.refresh()
      })
      return () => {
        this.#watched = false
        stop()
      }
    })
  }

  /** Undefined until the first answer. */
  get value(): T | undefined {
    this.#subscribe()
    return this.#value
  }

  /** Why the last fetch failed; the rows shown are then those of the one before. */
  get problem(): Problem | undefined {
    this.#subscribe()
    return this.#problem
  }

  set(value: T): void {
    this.#value = value
  }

  /** Fetches now; asked again meanwhile, once more after. */
  async refresh(): Promise<void> {
    if (this.#fetching) {
      this.#again = true
      return
    }
    this.#fetching = true
    try {
      this.#value = await this.#load()
      this.#problem = undefined
    } catch (error) {
      const problem = asProblem(error)
      if (problem.status === 401) await session.expire()
      this.#problem = problem
    }
    setTimeout(() => {
      this.#fetching = false
      if (!this.#again) return
      this.#again = false
      // what it asks for may be gone together with whoever looked
      if (this.#watched) void this.refresh()
    }, calm)
  }
}

// An answer of the server to what is being typed: asked for when typing rests, and only that to the newest question counts.
import { asProblem, type Problem } from './problem.ts'

/** Milliseconds without a change. */
const rest = 250

export class Answer<Question, T> {
  /** Of the last good question; stays while the next one is asked. */
  value = $state.raw<T>()
  /** Why the newest question was refused. */
  problem = $state.raw<Problem>()

  /** While a component is made. `question` is null while there is nothing to ask. */
  constructor(question: () => Question | null, ask: (question: Question) => Promise<T>) {
    $effect(() => {
      const asked = question()
      if (asked === null) {
        this.problem = undefined
        return
      }
      let stale = false
      const timer = setTimeout(() => {
        ask(asked).then(
          (value) => {
            if (stale) return
            this.value = value
            this.problem = undefined
          },
          (error: unknown) => {
            if (!stale) this.problem = asProblem(error)
          },
        )
      }, rest)
      return () => {
        stale = true
        clearTimeout(timer)
      }
    })
  }
}

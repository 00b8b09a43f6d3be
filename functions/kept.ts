// An answer that costs much and changes seldom: worked out once, and again after something it is made of has changed.
import type { Live } from './live.ts'

/**
 * `key` is what it depends on beside these resources, such as the day. Whoever asks while it is worked out waits for the same
 * answer. Nothing that changed before the question is missing: what is under way when a notice comes is not kept.
 */
export function keep<T>(live: Live, resources: readonly string[], key: () => string, ask: () => Promise<T>) {
  let kept: { key: string; answer: Promise<T> } | undefined
  let following = false
  return async (): Promise<T> => {
    if (!following) {
      following = true
      live.follow((event) => {
        if (event === null || resources.includes(event.resource)) kept = undefined
      })
    }
    const now = key()
    if (kept?.key === now) return kept.answer
    const mine = { key: now, answer: ask() }
    kept = mine
    try {
      return await mine.answer
    } catch (error) {
      if (kept === mine) kept = undefined
      throw error
    }
  }
}

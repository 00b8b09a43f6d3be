// Waiting for something to become true, for tests and the test bed.
import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until it gets an answer; throws with `what`, and the last error, after `timeout` ms. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  timeout = 60_000,
): Promise<T> {
  const deadline = Date.now() + timeout
  for (;;) {
    let cause: unknown
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== null && answer !== false) return answer
    } catch (error) {
      cause = error
    }
    if (Date.now() > deadline) throw new Error(`Waited ${timeout / 1000} s for ${what}`, { cause })
    await sleep(100)
  }
}

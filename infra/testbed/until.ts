// Waiting for something to become true, for tests and the test bed.
import { setTimeout as sleep } from 'node:timers/promises'

/** For a machine that is busy with something else, in ms: who waits for what comes true never waits this long. */
export const patience = 120_000

/** Asks again and again until it gets an answer; throws with `what`, and the last error, after `timeout` ms. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  timeout = patience,
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

// Slows down the guessing of links, and the mailing by those who have one. A link that works is never held up: behind one
// address may be a whole office, and 256 random bits are not found by trying.
import type { Sql } from 'db/connect'
import { noteSignInFailure, secondsUntilSignIn } from 'db/queries/users'

const windowSeconds = 10 * 60
const allowed = { guesses: 60, mails: 20 } as const

/** Counts one more; resolves with the seconds until the next is welcome, 0 when this one is. */
export async function secondsTooSoon(sql: Sql, what: keyof typeof allowed, address: string): Promise<number> {
  const key = `download ${what} from ${address}`
  const seconds = await secondsUntilSignIn(sql, [{ key, failures: allowed[what] }], windowSeconds)
  if (seconds === 0) await noteSignInFailure(sql, [key], windowSeconds)
  return seconds
}

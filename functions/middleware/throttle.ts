// Slows down the guessing of passwords. Only wrong ones count, so people and pages that poll never notice.
import type { Sql } from 'db/connect'
import { forgetSignInFailures, noteSignInFailure, secondsUntilSignIn } from 'db/queries/users'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../context.ts'
import { problem } from '../problems.ts'

const windowSeconds = 10 * 60
/** For one name from one address, so that nobody is shut out by others; an address may be a whole office. */
const allowed = { name: 10, address: 100 } as const

interface Guess {
  /** Whose password is tried. */
  whose(c: Context<Env>): Promise<string> | string
  /** Asked once there is an answer. */
  wasWrong(c: Context<Env>): boolean
}

export function throttle(sql: Sql, { whose, wasWrong }: Guess) {
  return createMiddleware<Env>(async (c, next) => {
    const address = c.get('address')
    const name = `${await whose(c)} from ${address}`
    const limits = [
      { key: name, failures: allowed.name },
      { key: address, failures: allowed.address },
    ]
    const seconds = await secondsUntilSignIn(sql, limits, windowSeconds)
    if (seconds > 0) {
      const detail = `Too many wrong passwords. Try again in ${Math.ceil(seconds / 60)} min`
      return problem(c, 429, { detail }, { 'Retry-After': String(seconds) })
    }
    await next()
    if (wasWrong(c)) await noteSignInFailure(sql, [name, address], windowSeconds)
    else if (c.res.ok) await forgetSignInFailures(sql, name)
    return undefined
  })
}

/** As it was typed into the form, in small letters; empty when the body holds none. */
export async function usernameIn(request: Request): Promise<string> {
  const body: unknown = await request
    .clone()
    .json()
    .catch(() => undefined)
  const given = typeof body === 'object' && body !== null && 'username' in body ? String(body.username) : ''
  return given.slice(0, 100).toLowerCase().replaceAll('\0', '')
}

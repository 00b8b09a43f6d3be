// Slows down the guessing of passwords. Only wrong ones count, so people and pages that poll never notice.
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Sql } from 'db/connect'
import { forgetSignInFailures, noteSignInFailure, secondsUntilSignIn } from 'db/queries/users'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { problem } from '../problems.ts'

const windowSeconds = 10 * 60
/** For one name from one address, so that nobody is shut out by others; an address may be a whole office, or the proxy before us. */
const allowed = { name: 10, address: 100 } as const

export function throttleSignIn(sql: Sql) {
  return createMiddleware(async (c, next) => {
    const body: unknown = await c.req.raw
      .clone()
      .json()
      .catch(() => undefined)
    const address = addressOf(c)
    const name = `${usernameIn(body)} from ${address}`
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
    if (c.res.status === 401) await noteSignInFailure(sql, [name, address], windowSeconds)
    else if (c.res.ok) await forgetSignInFailures(sql, name)
    return undefined
  })
}

function usernameIn(body: unknown): string {
  const given = typeof body === 'object' && body !== null && 'username' in body ? String(body.username) : ''
  return given.slice(0, 100).toLowerCase().replaceAll('\0', '')
}

function addressOf(c: Context): string {
  try {
    return getConnInfo(c).remote.address ?? ''
  } catch {
    // called without a socket, as `app.request()` does
    return ''
  }
}

// Headers that tell browsers what our answers may do.
import { createMiddleware } from 'hono/factory'

/** For JSON and event streams: nothing in them is to be rendered, run, framed or kept. Pages set their own (web.ts). */
export const secureHeaders = createMiddleware(async (c, next) => {
  await next()
  const set = (name: string, value: string) => c.res.headers.has(name) || c.res.headers.set(name, value)
  set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'")
  set('Cache-Control', 'no-store')
  set('X-Content-Type-Options', 'nosniff')
  set('X-Frame-Options', 'DENY')
  set('Referrer-Policy', 'same-origin')
  set('Cross-Origin-Opener-Policy', 'same-origin')
  set('Cross-Origin-Resource-Policy', 'same-origin')
})

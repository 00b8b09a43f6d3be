// Refuses requests that another site makes a signed-in browser send.
import { createMiddleware } from 'hono/factory'
import { problem } from '../problems.ts'

const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** Unsafe requests with a cookie must come from a page of ours. A bearer token is never sent by a browser by itself. */
export function sameOrigin(baseUrl: string | undefined) {
  return createMiddleware(async (c, next) => {
    const foreign =
      !safeMethods.includes(c.req.method) &&
      (c.req.header('origin') !== undefined || c.req.header('cookie') !== undefined) &&
      c.req.header('authorization') === undefined &&
      !isOwn(c.req.raw, baseUrl)
    if (!foreign) return next()
    return problem(c, 403, {
      detail:
        `This request came from another page (${c.req.header('origin') ?? 'no Origin header'}), so it was refused. ` +
        'If this is how you reach Docker Archiver, behind a proxy that changes the host name, set BASE_URL to the address people type.',
    })
  })
}

function isOwn(request: Request, baseUrl: string | undefined): boolean {
  const origin = request.headers.get('origin') ?? originOf(request.headers.get('referer'))
  return origin !== undefined && ownOrigins(request, baseUrl).includes(origin)
}

/** BASE_URL's origin, and the host this very request asked for, so that any name of the machine works. */
export function ownOrigins(request: Request, baseUrl: string | undefined): string[] {
  const host = request.headers.get('host') ?? new URL(request.url).host
  // whether a proxy before us speaks TLS is not known here; the host is what tells pages apart
  return [...(baseUrl ? [baseUrl] : []), `http://${host}`, `https://${host}`]
}

function originOf(url: string | null): string | undefined {
  return url && URL.canParse(url) ? new URL(url).origin : undefined
}

// The pages, as the web workspace built them: files, and index.html for every address that is a page's.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'

/** `folder` is looked at once, here: a new build is served from the next start on. */
export function makeWeb(folder: string) {
  const web = new Hono()
  const index = join(folder, 'index.html')
  if (!existsSync(index)) {
    return web.get('/*', (c) => c.text('The pages have not been built. Run: npm run -w web build\n', 503))
  }
  const html = readFileSync(index, 'utf8')
  const headers = pageHeaders(html)

  web.use('/*', async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value)
    const forGood = c.res.ok && c.req.path.startsWith('/_app/immutable/')
    c.res.headers.set('Cache-Control', forGood ? 'public, max-age=31536000, immutable' : 'no-cache')
  })
  web.use('/*', serveStatic({ root: folder, index: 'no-index-of-folders', precompressed: true }))
  // a page that was open while we were updated may ask for a script that is no more: it must not get HTML
  web.get('/_app/*', (c) => c.text('There is no such file. Load the page again.\n', 404))
  return web.get('/*', (c) => c.html(html))
}

/** Allows our own files, and the inline scripts that the build put into the page, by their hashes: no other script runs. */
function pageHeaders(html: string): Record<string, string> {
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  )
  const policy = [
    "default-src 'none'",
    ["script-src 'self'", ...inline].join(' '),
    // components position things by style attributes
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ]
  return {
    'Content-Security-Policy': policy.join('; '),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
  }
}

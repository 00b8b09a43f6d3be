// The API's description, and pages to read it in. Nothing is loaded from elsewhere.
import { OpenAPIHono } from '@hono/zod-openapi'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Env } from '../context.ts'

const files = [
  { name: 'swagger-ui.css', type: 'text/css', from: import.meta.resolve('swagger-ui-dist/swagger-ui.css') },
  {
    name: 'swagger-ui-bundle.js',
    type: 'text/javascript',
    from: import.meta.resolve('swagger-ui-dist/swagger-ui-bundle.js'),
  },
]

const settings = {
  dom_id: '#operations',
  url: '/api/openapi.json',
  deepLinking: true,
  // or it would send our description to a validator on the internet
  validatorUrl: null,
}

const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Docker Archiver API</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/api/docs/swagger-ui.css"></head>
<body><div id="operations"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script><script src="/api/docs/start.js"></script></body>
</html>
`

/** A file of its own, so that the page needs no inline script. */
const start = `SwaggerUIBundle(${JSON.stringify(settings)})\n`

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export function docs() {
  const pages = new OpenAPIHono<Env>()
    .get('/', (c) => c.html(html, 200, { 'Content-Security-Policy': policy }))
    .get('/start.js', (c) => c.body(start, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }))
  for (const { name, type, from } of files) {
    const path = fileURLToPath(from)
    pages.get(`/${name}`, async (c) => {
      const { size, mtimeMs } = await stat(path)
      const tag = `"${size}-${Math.round(mtimeMs)}"`
      const headers = { 'Cache-Control': 'no-cache', ETag: tag }
      if (c.req.header('if-none-match') === tag) return c.body(null, 304, headers)
      return c.body(Readable.toWeb(createReadStream(path)) as ReadableStream, 200, {
        ...headers,
        'Content-Type': `${type}; charset=utf-8`,
        'Content-Length': String(size),
      })
    })
  }
  return pages
}

export const description = {
  openapi: '3.1.0',
  info: {
    title: 'Docker Archiver',
    description: [
      'Backs up Docker Compose stacks. Everything the pages do goes through here.',
      '',
      'Programs send `Authorization: Bearer <token>`, with a token made in the profile; pages use the session cookie.',
      'Roles: a *viewer* reads, an *operator* runs, an *admin* configures.',
      'Dates are ISO 8601 in UTC, sizes bytes, times seconds. Errors are problem details (RFC 9457) with a text for people in `detail`.',
    ].join('\n'),
    license: { name: 'MIT', identifier: 'MIT' },
  },
} as const

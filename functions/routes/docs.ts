// The API's description, and pages to read it in. Nothing is loaded from elsewhere.
import { OpenAPIHono } from '@hono/zod-openapi'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Env } from '../context.ts'

const script = fileURLToPath(
  import.meta.resolve('@scalar/api-reference').replace(/\/dist\/.*/, '/dist/browser/standalone.js'),
)

const settings = {
  url: '/api/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  agent: { disabled: true },
}

const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Docker Archiver API</title></head>
<body><script id="api-reference" data-url="/api/openapi.json" data-configuration='${JSON.stringify(settings)}'></script>
<script src="/api/docs/scalar.js"></script></body>
</html>
`

/** Scalar styles elements as it goes, so inline styles are allowed here, and only here among the API's answers. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export function docs() {
  return new OpenAPIHono<Env>()
    .get('/', (c) => c.html(html, 200, { 'Content-Security-Policy': policy }))
    .get('/scalar.js', async (c) => {
      const { size, mtimeMs } = await stat(script)
      const tag = `"${size}-${Math.round(mtimeMs)}"`
      const headers = { 'Cache-Control': 'no-cache', ETag: tag }
      if (c.req.header('if-none-match') === tag) return c.body(null, 304, headers)
      return c.body(Readable.toWeb(createReadStream(script)) as ReadableStream, 200, {
        ...headers,
        'Content-Type': 'text/javascript; charset=utf-8',
        'Content-Length': String(size),
      })
    })
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

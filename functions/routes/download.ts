// /download/{token}: a backup for whoever has the link. Nobody is signed in here.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { contentType, preparedName } from 'db/domain/download'
import { messageOf, Unreachable } from 'db/domain/errors'
import { findDownload, forgetPreparedFile, getDownload, noteDownloadUse, type Download } from 'db/queries/downloads'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { audit } from '../audit.ts'
import { answerRange } from '../byte-range.ts'
import type { Env, Server } from '../context.ts'
import {
  answerFor,
  lostFile,
  pageFor,
  readyPage,
  thanksPage,
  tooManyTries,
  unknownLink,
  unreachable,
  type LinkAnswer,
} from '../download-answer.ts'
import { hashOf, linkOf } from '../download-link.ts'
import { downloadPage, headersOf, type DownloadPage } from '../download-page.ts'
import { mailLink, prepare } from '../downloads.ts'
import { secureHeaders } from '../middleware/headers.ts'
import { sameOrigin } from '../middleware/origin.ts'
import { secondsTooSoon } from '../middleware/throttle-links.ts'
import { answerErrors, answerInvalid, problem } from '../problems.ts'
import { FileTrouble } from '../transfers.ts'
import { json, time } from './definitions.ts'

const params = z.object({
  token: z.string().min(1).max(200).openapi({ example: 'yN3…', description: 'What the link ends with' }),
})
const Email = z.email('this is not an e-mail address').max(254)
const Notify = z.strictObject({ email: Email })
const tags = ['Downloads']

/** Pages and programs ask for the same; what they are told differs in form alone. */
export function download(server: Server) {
  const app = new OpenAPIHono<Env>({ defaultHook: answerInvalid })
  app.use('*', secureHeaders)
  app.use(
    '*',
    bodyLimit({
      maxSize: 16 * 1024,
      onError: (c) => problem(c, 413, { detail: 'The body is larger than 16 KiB' }, { Connection: 'close' }),
    }),
  )
  app.use('*', sameOrigin(server.config.baseUrl))
  app.onError(async (error, c) => {
    const answer = await answerErrors(server.log)(error, c)
    if (!wantsPage(c)) return answer
    const { title, detail } = (await answer.json()) as { title: string; detail: string }
    return showPage(c, { title, texts: [detail] }, answer.status)
  })

  return app
    .openapi(
      createRoute({
        method: 'get',
        path: '/{token}',
        tags,
        summary: 'The file behind a link',
        description:
          'The backup, with Content-Length, ETag and single ranges, so that a download that broke off can go on (`curl -C -`). ' +
          '202 with Retry-After while a folder backup is packed into one file; 404 while it is not packed; 410 once the link has expired or the ' +
          'backup was deleted; 503 while its host does not answer. A browser gets these as a page; `?about` after the link brings a page about the file. Needs no sign-in: the link is the key.',
        security: [],
        request: { params },
        responses: {
          200: {
            description: 'The file',
            content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }), example: '…' } },
          },
          202: json(z.object({ state: z.string(), detail: z.string() }), 'It is being prepared', {
            state: 'preparing',
            detail: 'The backup of wiki is being packed into one file.',
          }),
          206: { description: 'The part of it that was asked for' },
          304: { description: 'It is what the browser has' },
          416: { description: 'It has no such part' },
        },
      }),
      async (c) => (await give(server, c, c.req.valid('param').token)) as never,
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{token}',
        tags,
        summary: 'Leave an e-mail address for a file that is not there',
        description:
          'The form of the page at this address. The file is prepared, and the link mailed when it is there. Needs no sign-in.',
        security: [],
        request: {
          params,
          body: {
            content: {
              'application/x-www-form-urlencoded': {
                schema: z.object({ email: z.string() }),
                example: { email: 'me@example.org' },
              },
            },
          },
        },
        responses: { 200: { description: 'A page that says so' }, 303: { description: 'The file is there' } },
      }),
      async (c) => {
        const { token } = c.req.valid('param')
        const found = await look(server, c, token)
        if ('status' in found) return answer(c, found, null) as never
        if (found.state === 'ready') return c.redirect(c.req.path, 303) as never
        const trouble = answerFor(found)
        if (!trouble?.takesEmail && trouble?.status !== 202) return answer(c, trouble ?? unknownLink, found) as never
        const email = Email.safeParse(c.req.valid('form').email.trim())
        if (!email.success) {
          const why = email.error.issues[0]?.message ?? ''
          const asked: LinkAnswer = { ...trouble, takesEmail: true }
          return showPage(c, pageFor(asked, found, `Please look again: ${why}`), 422) as never
        }
        const refused = await leaveAddress(server, c, found, email.data)
        if (refused) return answer(c, refused, null) as never
        return showPage(c, thanksPage(email.data, found), 200) as never
      },
    )
}

const Public = z
  .object({
    state: z.enum(['ready', 'preparing', 'missing', 'offline', 'gone', 'expired']),
    detail: z.string(),
    takes_email: z
      .boolean()
      .openapi({ description: 'An address may be left: the link is mailed when the file is there' }),
    retry_after: z.number().int().nullable().openapi({ description: 'Seconds after which it may be otherwise' }),
    stack_name: z.string(),
    archive_name: z.string(),
    file_name: z.string(),
    size_bytes: z.number().nullable(),
    backup_created_at: time,
    expires_at: time,
  })
  .openapi('PublicDownload')

const example = {
  state: 'missing',
  detail: 'The backup of wiki is not packed into one file at the moment.',
  takes_email: true,
  retry_after: null,
  stack_name: 'wiki',
  archive_name: 'nightly',
  file_name: '20261123_020004_wiki.tar.zst',
  size_bytes: null,
  backup_created_at: '2026-11-23T01:00:04.000Z',
  expires_at: '2026-11-24T08:00:00.000Z',
}

/** What the page at /download/{token} knows, for pages of one's own. */
export function publicDownloads(server: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/{token}',
        tags,
        summary: 'What is behind a link',
        description:
          'Whether the file is there, and what can be done if it is not. Needs no sign-in: the link is the key.',
        security: [],
        request: { params },
        responses: {
          200: json(z.object({ download: Public }), 'What is behind it', { download: example }),
        },
      }),
      async (c) => {
        const found = await look(server, c, c.req.valid('param').token)
        if ('status' in found) return asProblem(c, found) as never
        const trouble = answerFor(found)
        const { state, stack_name, archive_name, file_name, size_bytes, backup_created_at, expires_at } = found
        return c.json(
          {
            download: {
              state,
              detail: trouble?.detail ?? '',
              takes_email: trouble?.takesEmail ?? false,
              retry_after: trouble?.retryAfter ?? null,
              stack_name,
              archive_name,
              file_name,
              size_bytes,
              backup_created_at,
              expires_at,
            },
          },
          200,
        )
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{token}/notify',
        tags,
        summary: 'Leave an e-mail address for a file that is not there',
        description:
          'The file is prepared, and the link mailed to this one address when it is there. 409 when it is there, or never will be.',
        security: [],
        request: {
          params,
          body: {
            required: true,
            content: { 'application/json': { schema: Notify, example: { email: 'me@example.org' } } },
          },
        },
        responses: { 202: json(z.object({}), 'The link will be mailed', {}) },
      }),
      async (c) => {
        const found = await look(server, c, c.req.valid('param').token)
        if ('status' in found) return asProblem(c, found) as never
        if (found.state !== 'missing' && found.state !== 'preparing') {
          const detail = answerFor(found)?.detail ?? 'The file is there: open the link'
          return problem(c, 409, { detail }) as never
        }
        const refused = await leaveAddress(server, c, found, c.req.valid('json').email)
        if (refused) return asProblem(c, refused) as never
        return c.json({}, 202)
      },
    )
}

/** The link of this token, or why there is none. */
async function look({ sql }: Server, c: Context<Env>, token: string): Promise<Download | LinkAnswer> {
  const found = await findDownload(sql, hashOf(token), new Date())
  if (found) return found
  const seconds = await secondsTooSoon(sql, 'guesses', c.get('address'))
  return seconds > 0 ? tooManyTries(seconds) : unknownLink
}

async function leaveAddress(
  { sql }: Server,
  c: Context<Env>,
  found: Download,
  email: string,
): Promise<LinkAnswer | undefined> {
  const seconds = await secondsTooSoon(sql, 'mails', c.get('address'))
  if (seconds > 0) return tooManyTries(seconds)
  await mailLink(sql, found, [email], 'manual')
  await audit(sql, c, 'download.notify', 'download', found.id, { backup_id: found.backup_id })
  return undefined
}

async function give(server: Server, c: Context<Env>, token: string): Promise<Response> {
  const { sql, log } = server
  let found = await look(server, c, token)
  if ('status' in found) return answer(c, found, null)
  const asksAbout = c.req.query('about') !== undefined && c.req.method === 'GET'
  for (let lost = false; ; lost = true) {
    if (found.state === 'missing' && server.config.autoGenerate.onAccess) found = await prepare(sql, found, 'manual')
    const trouble = answerFor(found)
    if (trouble) return answer(c, trouble, found)
    if (asksAbout) {
      const link = linkOf(found.origin || new URL(c.req.url).origin, token)
      return showPage(c, readyPage(found, { link, path: c.req.path }), 200)
    }
    try {
      return await send(server, c, found)
    } catch (error) {
      if (error instanceof Unreachable) {
        log.warn({ download: found.id, host: found.host, error: messageOf(error) }, 'a download could not be served')
        return answer(c, unreachable(`Host ${found.host}, where the backup lies, could not send it.`), found)
      }
      if (!(error instanceof FileTrouble)) throw error
      log.warn(
        { download: found.id, host: found.host, error: error.message },
        'the file of a download is not as it was',
      )
      if (found.format !== 'folder' || lost) return answer(c, lostFile, found)
      // a packed file can be packed again
      await forgetPreparedFile(sql, found.backup_id, 'the packed file is not there any more')
      found = await getDownload(sql, found.id, new Date())
    }
  }
}

async function send({ sql, transfers }: Server, c: Context<Env>, found: Download): Promise<Response> {
  const size = found.size_bytes ?? 0
  const etag = `"${found.sha256}"`
  const lastModified = found.backup_created_at.toUTCString()
  const headers = {
    'Accept-Ranges': 'bytes',
    ETag: etag,
    'Last-Modified': lastModified,
    'Cache-Control': 'private, no-cache, no-transform',
    // a proxy that keeps a copy on its disk first would be a second backup
    'X-Accel-Buffering': 'no',
  }
  const range = answerRange(
    {
      range: c.req.method === 'GET' ? c.req.header('range') : undefined,
      ifRange: c.req.header('if-range'),
      ifNoneMatch: c.req.header('if-none-match'),
    },
    { size, etag, lastModified },
  )
  if (range.status === 304) return c.body(null, 304, headers)
  if (range.status === 416) {
    const detail = `The file has ${size} bytes; the part that was asked for is not among them`
    return problem(c, 416, { detail }, { ...headers, 'Content-Range': `bytes */${size}` })
  }
  const { offset, length } = range
  const about = {
    ...headers,
    'Content-Type': contentType(found.format),
    'Content-Disposition': disposition(found.file_name),
    'Content-Length': String(length),
    'Content-Security-Policy': "default-src 'none'; sandbox",
    ...(range.status === 206 && { 'Content-Range': `bytes ${offset}-${offset + length - 1}/${size}` }),
  }
  if (c.req.method === 'HEAD' || length === 0) return c.body(null, range.status, about)
  const bytes = await transfers.open(
    {
      host_id: found.host_id,
      host: found.host,
      source: {
        prepared: found.format === 'folder',
        path: found.format === 'folder' ? preparedName(found) : found.path,
        size_bytes: size,
      },
      offset,
      length,
    },
    c.req.raw.signal,
  )
  // the parts of one download are many; who began it is what counts
  if (offset === 0) {
    await audit(sql, c, 'download.use', 'download', found.id, {
      backup_id: found.backup_id,
      file_name: found.file_name,
    })
    await noteDownloadUse(sql, found.id)
  }
  return c.body(bytes, range.status, about)
}

/** For old programs letters that are safe everywhere, for all others the name itself. */
function disposition(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  return `attachment; filename="${safe}"${safe === name ? '' : `; filename*=UTF-8''${encodeURIComponent(name)}`}`
}

function wantsPage(c: Context): boolean {
  return (c.req.header('accept') ?? '').includes('text/html')
}

function answer(c: Context<Env>, told: LinkAnswer, found: Download | null): Response {
  if (wantsPage(c)) {
    const response = showPage(c, pageFor(told, found), told.status)
    if (told.retryAfter !== undefined) response.headers.set('Retry-After', String(told.retryAfter))
    return response
  }
  return asProblem(c, told)
}

function asProblem(c: Context<Env>, { status, detail, retryAfter, takesEmail }: LinkAnswer): Response {
  const headers = retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }
  if (status === 202) return c.json({ state: 'preparing', detail }, 202, headers)
  const more = takesEmail ? ' POST {"email": "…"} to /api/public/downloads/{token}/notify to have it prepared' : ''
  return problem(c, status, { detail: detail + more }, headers)
}

function showPage(c: Context, page: DownloadPage, status: number): Response {
  return c.body(downloadPage(page), status as 200, headersOf(page))
}

// Links to backups: asked for, listed, mailed and deleted.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { archiveFormats } from 'db/domain/archive'
import { downloadStates } from 'db/domain/download'
import { backupOfJob, deleteDownload, getDownload, listDownloads, type Download } from 'db/queries/downloads'
import type { Context } from 'hono'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { answerFor } from '../download-answer.ts'
import { linkOf } from '../download-link.ts'
import { mailLink, mostEmails, requestDownload } from '../downloads.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { body, cursor, filterId, json, largeId, limit, page, pathId, text, time } from './definitions.ts'

const DownloadRow = z
  .object({
    id: z.number().int(),
    backup_id: z.number().int(),
    job_id: z.number().int().nullable(),
    host_id: z.number().int(),
    host: z.string(),
    stack_name: z.string(),
    archive_name: z.string(),
    format: z.enum(archiveFormats),
    file_name: z.string().openapi({ description: 'A folder backup is delivered as .tar.zst' }),
    size_bytes: z.number().nullable(),
    state: z.enum(downloadStates).openapi({
      description:
        'ready · preparing: a folder backup is being packed · missing: it has to be packed first · offline: its host does not answer · gone: the backup is not delivered · expired',
    }),
    detail: z.string().openapi({ description: 'For people; empty when it is ready' }),
    prepare_job_id: z.number().int().nullable().openapi({ description: 'The job that packs it, or did' }),
    created_by: z.string(),
    created_at: time,
    expires_at: time,
    notify_emails: z.array(z.string()).openapi({ description: 'Who is mailed the link when the file is there' }),
    told_emails: z.array(z.string()).openapi({ description: 'Of those: who has been' }),
    last_used_at: time.nullable(),
    use_count: z.number().int(),
  })
  .openapi('Download')

const example = {
  id: 5,
  backup_id: 42,
  job_id: 123,
  host_id: 1,
  host: 'local',
  stack_name: 'wiki',
  archive_name: 'nightly',
  format: 'tar.zst',
  file_name: '20261123_020004_wiki.tar.zst',
  size_bytes: 734_003_200,
  state: 'ready',
  detail: '',
  prepare_job_id: null,
  created_by: 'admin',
  created_at: '2026-11-23T08:00:00.000Z',
  expires_at: '2026-11-24T08:00:00.000Z',
  notify_emails: ['me@example.org'],
  told_emails: ['me@example.org'],
  last_used_at: null,
  use_count: 0,
}

const Emails = z.array(z.email('is not an e-mail address').max(254)).max(mostEmails, `at most ${mostEmails} addresses`)

const Made = z
  .object({ id: z.number().int(), token: z.string(), download_url: z.string(), expires_at: time })
  .openapi('NewDownload')

const made = {
  201: json(Made, 'The link; `token` is shown this once', {
    id: 5,
    token: 'yN3…',
    download_url: 'https://backup.example.org/download/yN3…',
    expires_at: '2026-11-24T08:00:00.000Z',
  }),
}

const tags = ['Downloads']
const params = pathId(largeId)
const madeText =
  'Works for 24 hours, for everybody who has it. A folder backup is packed into one file at once. Needs the role of an operator. 409 when the backup is deleted, in the trash or damaged.'

export function downloads(server: Server) {
  const { sql } = server
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags,
        summary: 'List links',
        description: 'Newest first, by pages. What a link says itself is shown only once, when it is made.',
        request: { query: z.object({ backup_id: filterId(largeId, 'backup'), limit: limit(50, 500), cursor }) },
        responses: {
          200: json(
            z.object({ downloads: z.array(DownloadRow), next_cursor: z.string().nullable() }),
            'A page of links',
            { downloads: [example], next_cursor: null },
          ),
        },
      }),
      async (c) => {
        const { limit, cursor, backup_id } = c.req.valid('query')
        const found = await listDownloads(sql, { backup_id, before: cursor, limit: limit + 1 }, new Date())
        const { rows, next_cursor } = page(found, limit)
        return c.json({ downloads: rows.map(shown), next_cursor }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/request',
        tags,
        summary: 'Make a link to a backup',
        description: madeText,
        middleware: atLeast('operator'),
        request: {
          body: body(z.strictObject({ backup_id: z.number().int().min(1), notify_emails: Emails.default([]) }), {
            backup_id: 42,
            notify_emails: ['me@example.org'],
          }),
        },
        responses: made,
      }),
      async (c) => {
        const { backup_id, notify_emails } = c.req.valid('json')
        return c.json(await make(server, c, backup_id, notify_emails), 201)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/send',
        tags,
        summary: 'Mail a link',
        description:
          'Each mail carries a link of its own, which works as long as the first. A file that is not there is prepared, and the link mailed when it is. Needs the role of an operator.',
        middleware: atLeast('operator'),
        request: {
          params,
          body: body(z.strictObject({ emails: Emails.min(1, 'names nobody') }), { emails: ['me@example.org'] }),
        },
        responses: { 202: json(z.object({}), 'It will be mailed', {}) },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const { emails } = c.req.valid('json')
        await mailLink(sql, await getDownload(sql, id, new Date()), emails, c.get('byToken') ? 'api' : 'manual')
        await audit(sql, c, 'download.send', 'download', id, { emails })
        return c.json({}, 202)
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/{id}',
        tags,
        summary: 'Delete a link',
        description:
          'It stops working at once, those that were mailed as well. The backup stays. Needs the role of an operator.',
        middleware: atLeast('operator'),
        request: { params },
        responses: { 204: { description: 'Deleted' } },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        await deleteDownload(sql, id)
        await audit(sql, c, 'download.delete', 'download', id)
        return c.body(null, 204)
      },
    )
}

/** Below /api/jobs. */
export function jobDownloads(server: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid }).openapi(
    createRoute({
      method: 'post',
      path: '/{id}/download',
      tags,
      summary: 'Make a link to what a job made of a stack',
      description: madeText,
      middleware: atLeast('operator'),
      request: { params, body: body(z.strictObject({ stack_name: text.max(500) }), { stack_name: 'wiki' }) },
      responses: made,
    }),
    async (c) => {
      const backup = await backupOfJob(server.sql, c.req.valid('param').id, c.req.valid('json').stack_name)
      return c.json(await make(server, c, backup, []), 201)
    },
  )
}

/** Below /api/backups. */
export function backupDownloads(server: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid }).openapi(
    createRoute({
      method: 'post',
      path: '/{id}/download',
      tags,
      summary: 'Make a link to this backup',
      description: madeText,
      middleware: atLeast('operator'),
      request: { params },
      responses: made,
    }),
    async (c) => c.json(await make(server, c, c.req.valid('param').id, []), 201),
  )
}

async function make({ sql, config }: Server, c: Context<Env>, backup_id: number, notify_emails: string[]) {
  const origin = config.baseUrl ?? c.req.header('origin') ?? new URL(c.req.url).origin
  const { id, token, expires_at } = await requestDownload(
    sql,
    { backup_id, notify_emails, created_by: c.get('user').username, origin },
    c.get('byToken') ? 'api' : 'manual',
    new Date(),
  )
  await audit(sql, c, 'download.create', 'download', id, { backup_id, notify_emails })
  return { id, token, download_url: linkOf(origin, token), expires_at }
}

function shown(download: Download) {
  return {
    id: download.id,
    backup_id: download.backup_id,
    job_id: download.job_id,
    host_id: download.host_id,
    host: download.host,
    stack_name: download.stack_name,
    archive_name: download.archive_name,
    format: download.format,
    file_name: download.file_name,
    size_bytes: download.size_bytes,
    state: download.state,
    detail: answerFor(download)?.detail ?? '',
    prepare_job_id: download.prepare_job_id,
    created_by: download.created_by,
    created_at: download.created_at,
    expires_at: download.expires_at,
    notify_emails: download.notify_emails,
    told_emails: download.told_emails,
    last_used_at: download.last_used_at,
    use_count: download.use_count,
  }
}

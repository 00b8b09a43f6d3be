// What jobs made of stacks, and what people do with it.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { archiveFormats } from 'db/domain/archive'
import { backupStates } from 'db/domain/backup'
import { trashEnd } from 'db/domain/trash'
import {
  acknowledgeBackup,
  countBackups,
  getBackup,
  listBackups,
  pinBackups,
  trashBackups,
  undeleteBackups,
  verifyBackups,
  type Backup as BackupRow,
} from 'db/queries/backups'
import { readSettings } from 'db/queries/settings'
import type { Context } from 'hono'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { body, cursor, filterId, json, largeId, limit, page, pathId, smallId, text, time } from './definitions.ts'

const Backup = z
  .object({
    id: z.number().int(),
    host_id: z.number().int(),
    host: z.string(),
    stack_id: z.number().int().nullable(),
    archive_id: z.number().int().nullable(),
    job_id: z.number().int().nullable(),
    archive_name: z.string(),
    stack_name: z.string(),
    path: z.string().openapi({ description: 'Below the archives folder of its host' }),
    format: z.enum(archiveFormats),
    state: z.enum(backupStates).openapi({
      description:
        'incomplete: whole and readable, but some of its source could not be read. corrupt: it was read back and is not what was written, or is not there',
    }),
    size_bytes: z.number(),
    file_count: z.number(),
    sha256: z.string(),
    created_at: time,
    verified_at: time.openapi({ description: 'When every byte of it was last read back and found right' }),
    verify_error: z.string().openapi({ description: 'What was wrong when it was read back last; empty: nothing' }),
    pinned: z.boolean().openapi({ description: 'Kept whatever retention says' }),
    trashed_at: time.nullable().openapi({ description: 'In the trash since then' }),
    trash_until: time.nullable().openapi({
      description: 'Of what is in the trash: when the cleanup deletes it for good. Null when none does',
    }),
    deleted_at: time.nullable(),
    delete_reason: z.string(),
    acknowledged_at: time.nullable().openapi({
      description: 'When a person said that it is right although much smaller than the one before',
    }),
    last_good: z.boolean().openapi({ description: 'No other good backup of its stack is there' }),
  })
  .openapi('Backup')

const example = {
  id: 42,
  host_id: 1,
  host: 'local',
  stack_id: 7,
  archive_id: 3,
  job_id: 123,
  archive_name: 'nightly',
  stack_name: 'wiki',
  path: 'nightly/wiki/20261123_020004_wiki.tar.zst',
  format: 'tar.zst',
  state: 'good',
  size_bytes: 734_003_200,
  file_count: 6500,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  created_at: '2026-11-23T01:00:04.000Z',
  verified_at: '2026-11-23T01:02:11.000Z',
  verify_error: '',
  pinned: false,
  trashed_at: null,
  trash_until: null,
  deleted_at: null,
  delete_reason: '',
  acknowledged_at: null,
  last_good: false,
}

const tags = ['Backups']
const params = pathId(largeId)
const one = z.object({ backup: Backup })
const started = z.object({ job_id: z.number().int() })

const flag = (text: string) =>
  z
    .enum(['true', 'false'], 'must be true or false')
    .optional()
    .transform((text) => text === 'true')
    .openapi({ type: 'boolean', description: text, example: true })

const filters = {
  stack_id: filterId(smallId, 'stack'),
  archive_id: filterId(smallId, 'archive'),
  job_id: filterId(largeId, 'job'),
  host_id: filterId(smallId, 'host'),
  state: z
    .enum(backupStates, `must be one of ${backupStates.join(', ')}`)
    .optional()
    .openapi({ description: 'Only those of this state', example: 'good' }),
  trashed: flag('true: those in the trash, and no others'),
  pinned: flag('true: those that are pinned, and no others'),
  search: text
    .max(200)
    .optional()
    .openapi({ description: 'In the name of the stack or the archive, or in the path', example: 'wiki' }),
}

export function backups(server: Server) {
  const { sql } = server
  const toldOf = async (row: BackupRow) => (await withTrashEnd(server, [row]))(row)
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags,
        summary: 'List backups',
        description:
          'Newest first, by pages. Deleted ones and those in the trash are left out unless they are asked for.',
        request: {
          query: z.object({
            ...filters,
            limit: limit(50, 500),
            cursor,
          }),
        },
        responses: {
          200: json(z.object({ backups: z.array(Backup), next_cursor: z.string().nullable() }), 'A page of backups', {
            backups: [example],
            next_cursor: null,
          }),
        },
      }),
      async (c) => {
        const { limit, cursor, ...filter } = c.req.valid('query')
        const { rows, next_cursor } = page(
          await listBackups(sql, { ...filter, before: cursor, limit: limit + 1 }),
          limit,
        )
        return c.json({ backups: rows.map(await withTrashEnd(server, rows)), next_cursor }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/totals',
        tags,
        summary: 'Count backups',
        description: 'How many there are and how large they are together, of all pages of a list.',
        request: { query: z.object(filters) },
        responses: {
          200: json(z.object({ count: z.number().int(), size_bytes: z.number() }), 'The totals', {
            count: 128,
            size_bytes: 93_952_409_600,
          }),
        },
      }),
      async (c) => c.json(await countBackups(sql, c.req.valid('query')), 200),
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}',
        tags,
        summary: 'One backup',
        description: 'Also when it is in the trash or deleted: its row stays.',
        request: { params },
        responses: { 200: json(one, 'The backup', { backup: example }) },
      }),
      async (c) => c.json({ backup: await toldOf(await getBackup(sql, c.req.valid('param').id)) }, 200),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/pin',
        tags,
        summary: 'Pin or unpin a backup',
        description: 'A pinned backup is kept whatever retention says. Needs the role of an operator.',
        middleware: atLeast('operator'),
        request: { params, body: body(z.strictObject({ pinned: z.boolean() }), { pinned: true }) },
        responses: { 200: json(one, 'The backup', { backup: { ...example, pinned: true } }) },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const { pinned } = c.req.valid('json')
        await pinBackups(sql, [id], pinned)
        const backup = await getBackup(sql, id)
        await audit(sql, c, pinned ? 'backup.pin' : 'backup.unpin', 'backup', id, { path: backup.path })
        return c.json({ backup: await toldOf(backup) }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/verify',
        tags,
        summary: 'Verify a backup',
        description:
          'Starts a job that reads every byte of it back. One that is corrupt or missing no longer counts for retention. Needs the role of an operator.',
        middleware: atLeast('operator'),
        request: { params },
        responses: { 202: json(started, 'The job that was started', { job_id: 124 }) },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const job_id = await verifyBackups(sql, [id], triggerOf(c))
        await audit(sql, c, 'backup.verify', 'backup', id, { job_id })
        return c.json({ job_id }, 202)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/acknowledge',
        tags,
        summary: 'Acknowledge a backup',
        description:
          'Says that a backup much smaller than the one before is right. Retention of its stack, which waits for that, goes on. Needs the role of an operator.',
        middleware: atLeast('operator'),
        request: { params },
        responses: {
          200: json(one, 'The backup', { backup: { ...example, acknowledged_at: '2026-11-23T08:00:00.000Z' } }),
        },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const backup = await acknowledgeBackup(sql, id)
        await audit(sql, c, 'backup.acknowledge', 'backup', id, { path: backup.path })
        return c.json({ backup: await toldOf(backup) }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/{id}',
        tags,
        summary: 'Delete a backup',
        description:
          'Starts a job that moves it into the trash of its host, where it stays for some days and can be taken back. `last_good` says whether it is the last good backup of its stack. Needs the role of an admin. 409 when it is pinned.',
        middleware: atLeast('admin'),
        request: { params },
        responses: {
          202: json(
            started.extend({ last_good: z.boolean(), detail: z.string() }),
            'The job that was started, and what it means in words',
            {
              job_id: 124,
              last_good: true,
              detail:
                'This is the last good backup of stack wiki. It goes to the trash, from where it can be taken back.',
            },
          ),
        },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const { last_good, stack_name, path } = await getBackup(sql, id)
        const job_id = await trashBackups(sql, [id], triggerOf(c))
        await audit(sql, c, 'backup.delete', 'backup', id, { job_id, path, last_good })
        const detail = `${last_good ? `This is the last good backup of stack ${stack_name}. ` : ''}It goes to the trash, from where it can be taken back.`
        return c.json({ job_id, last_good, detail }, 202)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/undelete',
        tags,
        summary: 'Take a backup out of the trash',
        description:
          'Starts a job that moves it back to where it was, also when its archive is gone. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { params },
        responses: { 202: json(started, 'The job that was started', { job_id: 125 }) },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const job_id = await undeleteBackups(sql, [id], triggerOf(c))
        await audit(sql, c, 'backup.undelete', 'backup', id, { job_id })
        return c.json({ job_id }, 202)
      },
    )
}

/** Adds to one of these rows when it goes for good, if it is in the trash. */
async function withTrashEnd({ sql, config }: Server, rows: BackupRow[]) {
  const someTrashed = rows.some(({ trashed_at }) => trashed_at !== null)
  const settings = someTrashed ? await readSettings(sql, 'cleanup') : null
  const defaults = { timeZone: config.timeZone, now: new Date() }
  return (row: BackupRow) => ({ ...row, trash_until: settings && trashEnd(row, settings, defaults) })
}

export function triggerOf(c: Context<Env>) {
  return c.get('byToken') ? 'api' : 'manual'
}

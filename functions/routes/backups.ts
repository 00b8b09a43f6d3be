// What jobs made of stacks.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { archiveFormats } from 'db/domain/archive'
import { backupStates } from 'db/domain/backup'
import { listBackups } from 'db/queries/backups'
import type { Env, Server } from '../context.ts'
import { answerInvalid } from '../problems.ts'
import { cursor, filterId, json, largeId, limit, page, smallId, time } from './definitions.ts'

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
    state: z
      .enum(backupStates)
      .openapi({ description: 'incomplete: whole and readable, but some of its source could not be read' }),
    size_bytes: z.number(),
    file_count: z.number(),
    sha256: z.string(),
    created_at: time,
    verified_at: time.openapi({ description: 'When every byte of it was last read back and found right' }),
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
}

export function backups({ sql }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid }).openapi(
    createRoute({
      method: 'get',
      path: '/',
      tags: ['Backups'],
      summary: 'List backups',
      description: 'Newest first, by pages. Deleted ones are left out.',
      request: {
        query: z.object({
          stack_id: filterId(smallId, 'stack'),
          archive_id: filterId(smallId, 'archive'),
          job_id: filterId(largeId, 'job'),
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
      const { rows, next_cursor } = page(await listBackups(sql, { ...filter, before: cursor, limit: limit + 1 }), limit)
      return c.json({ backups: rows, next_cursor }, 200)
    },
  )
}

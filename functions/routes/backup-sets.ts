// What people do with several backups at once. With all of those named or with none.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { JobTrigger } from 'db/domain/job'
import { pinBackups, trashBackups, undeleteBackups, verifyBackups } from 'db/queries/backups'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { triggerOf } from './backups.ts'
import { body, json, largeId } from './definitions.ts'

const tags = ['Backups']
const ids = z
  .array(z.number().int().min(1).max(largeId))
  .min(1, 'names no backup')
  .max(500, 'at most 500 at once')
  .openapi({ description: 'Ids of backups', example: [41, 42] })
const Chosen = z.strictObject({ ids }).openapi('ChosenBackups')
const example = { ids: [41, 42] }
const started = json(z.object({ job_id: z.number().int() }), 'The job that was started', { job_id: 124 })
const allOrNone = 'All of them or none: 404 or 409 names the one that stands in the way.'

export function backupSets({ sql }: Server) {
  /** Does it, and writes each down as if it had been asked for alone. */
  async function start(
    c: Parameters<typeof triggerOf>[0],
    action: `backup.${string}`,
    ids: number[],
    work: (ids: number[], trigger: JobTrigger) => Promise<number>,
  ) {
    const job_id = await work(ids, triggerOf(c))
    for (const id of new Set(ids)) await audit(sql, c, action, 'backup', id, { job_id })
    return c.json({ job_id }, 202)
  }

  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'post',
        path: '/verify',
        tags,
        summary: 'Verify backups',
        description: `Starts one job that reads every byte of them back. ${allOrNone} Needs the role of an operator.`,
        middleware: atLeast('operator'),
        request: { body: body(Chosen, example) },
        responses: { 202: started },
      }),
      (c) => start(c, 'backup.verify', c.req.valid('json').ids, (ids, trigger) => verifyBackups(sql, ids, trigger)),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/pin',
        tags,
        summary: 'Pin or unpin backups',
        description: `Pinned backups are kept whatever retention says. ${allOrNone} Needs the role of an operator.`,
        middleware: atLeast('operator'),
        request: { body: body(z.strictObject({ ids, pinned: z.boolean() }), { ...example, pinned: true }) },
        responses: { 200: json(z.object({ ids }), 'What was pinned or unpinned', example) },
      }),
      async (c) => {
        const { ids, pinned } = c.req.valid('json')
        for (const { id, path } of await pinBackups(sql, ids, pinned))
          await audit(sql, c, pinned ? 'backup.pin' : 'backup.unpin', 'backup', id, { path })
        return c.json({ ids }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/delete',
        tags,
        summary: 'Delete backups',
        description: `Starts one job that moves them into the trash of their hosts, where they stay for some days. ${allOrNone} 409 when one is pinned. Needs the role of an admin.`,
        middleware: atLeast('admin'),
        request: { body: body(Chosen, example) },
        responses: { 202: started },
      }),
      (c) => start(c, 'backup.delete', c.req.valid('json').ids, (ids, trigger) => trashBackups(sql, ids, trigger)),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/undelete',
        tags,
        summary: 'Take backups out of the trash',
        description: `Starts one job that moves them back to where they were. ${allOrNone} Needs the role of an admin.`,
        middleware: atLeast('admin'),
        request: { body: body(Chosen, example) },
        responses: { 202: started },
      }),
      (c) => start(c, 'backup.undelete', c.req.valid('json').ids, (ids, trigger) => undeleteBackups(sql, ids, trigger)),
    )
}

// Tidying up: what the cleanup will do next, and doing it now.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { cleanupTasks } from 'db/domain/cleanup'
import { jobStatuses } from 'db/domain/job'
import { cleanupState, startCleanup } from 'db/queries/cleanup'
import { readSettings } from 'db/queries/settings'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { body, json, time } from './definitions.ts'

const Cleanup = z
  .object({
    next_run_at: time.nullable().openapi({ description: 'null while it is switched off' }),
    last_job: z
      .object({
        id: z.number().int(),
        status: z.enum(jobStatuses),
        is_dry_run: z.boolean(),
        created_at: z.string(),
        end_time: z.string().nullable(),
      })
      .nullable(),
    missed_runs: z
      .array(z.object({ scheduled_for: z.string(), reason: z.string() }))
      .openapi({ description: 'The last five' }),
  })
  .openapi('Cleanup')

const CleanupRun = z
  .strictObject({
    dry_run: z.boolean().optional().openapi({ description: 'Says what would go, and leaves it' }),
    tasks: z
      .array(z.enum(cleanupTasks, `must be some of ${cleanupTasks.join(', ')}`))
      .min(1, 'choose at least one task')
      .transform((tasks) => cleanupTasks.filter((task) => tasks.includes(task)))
      .optional(),
  })
  .openapi('CleanupRun')

export function cleanup({ sql, config }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags: ['Cleanup'],
        summary: 'When the cleanup runs',
        description: 'Its next run, its last job, and runs that were missed. How it runs is in the settings.',
        responses: {
          200: json(z.object({ cleanup: Cleanup }), 'The state of the cleanup', {
            cleanup: {
              next_run_at: '2026-11-24T01:30:00.000Z',
              last_job: {
                id: 124,
                status: 'success',
                is_dry_run: false,
                created_at: '2026-11-23T01:30:00+00:00',
                end_time: '2026-11-23T01:30:12+00:00',
              },
              missed_runs: [],
            },
          }),
        },
      }),
      async (c) => c.json({ cleanup: await cleanupState(sql, new Date(), config.timeZone) }, 200),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/run',
        tags: ['Cleanup'],
        summary: 'Run the cleanup now',
        description:
          'Starts a job; also while the scheduled one is switched off. What is left out is as in the settings. Needs the role of an admin. 409 while one runs.',
        middleware: atLeast('admin'),
        request: { body: body(CleanupRun, { dry_run: true, tasks: ['orphaned_archives', 'old_logs'] }) },
        responses: { 202: json(z.object({ job_id: z.number().int() }), 'The job that was started', { job_id: 124 }) },
      }),
      async (c) => {
        const settings = await readSettings(sql, 'cleanup')
        const { dry_run = settings.dry_run, tasks = settings.tasks } = c.req.valid('json')
        const triggered_by = c.get('byToken') ? 'api' : 'manual'
        const job_id = await startCleanup(sql, { triggered_by, dry_run, tasks })
        await audit(sql, c, 'cleanup.run', 'job', job_id, { dry_run, tasks })
        return c.json({ job_id }, 202)
      },
    )
}

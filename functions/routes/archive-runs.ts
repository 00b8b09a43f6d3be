// What can be started of an archive by hand: a run, a dry run, retention alone.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { JobTrigger } from 'db/domain/job'
import { submitJob, submitRetention } from 'db/queries/jobs'
import type { Context } from 'hono'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { json, optionalBody, pathId, smallId } from './definitions.ts'

const tags = ['Archives']
const params = pathId(smallId)
const started = { 202: json(z.object({ job_id: z.number().int() }), 'The job that was started', { job_id: 124 }) }

const DryRun = z
  .strictObject({
    stop_containers: z.boolean().default(true),
    create_archive: z.boolean().default(true),
    run_retention: z.boolean().default(true),
  })
  .openapi('DryRun')

const Retention = z.strictObject({ dry_run: z.boolean().default(false) }).openapi('RunRetention')

export function archiveRuns({ sql }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/run',
        tags,
        summary: 'Run an archive',
        description:
          'Starts a job that archives all its stacks; retention follows for those it went well for. Needs the role of an operator. 409 while a job of it has not finished.',
        middleware: atLeast('operator'),
        request: { params },
        responses: started,
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const job_id = await submitJob(sql, id, triggerOf(c))
        await audit(sql, c, 'job.run', 'job', job_id, { archive_id: id })
        return c.json({ job_id }, 202)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/dry-run',
        tags,
        summary: 'Say what a run would do',
        description:
          'Starts a job whose log says what would be stopped, archived and removed. Nothing is stopped, pulled, written or deleted. Without a body all three are looked at. Needs the role of an operator. 409 while a job of it has not finished.',
        middleware: atLeast('operator'),
        request: {
          params,
          body: optionalBody(DryRun, { stop_containers: true, create_archive: true, run_retention: true }),
        },
        responses: started,
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const dry_run = DryRun.parse(c.req.valid('json') ?? {})
        const job_id = await submitJob(sql, id, triggerOf(c), { dry_run })
        await audit(sql, c, 'job.dry_run', 'job', job_id, { archive_id: id, dry_run })
        return c.json({ job_id }, 202)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/retention',
        tags,
        summary: 'Run retention alone',
        description:
          'Starts a job that removes the backups of this archive that its policy does not keep. With `dry_run` it only says which. Needs the role of an operator. 409 while a job of it has not finished.',
        middleware: atLeast('operator'),
        request: { params, body: optionalBody(Retention, { dry_run: false }) },
        responses: started,
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const { dry_run } = Retention.parse(c.req.valid('json') ?? {})
        const job_id = await submitRetention(sql, id, triggerOf(c), dry_run)
        await audit(sql, c, 'job.retention', 'job', job_id, { archive_id: id, dry_run })
        return c.json({ job_id }, 202)
      },
    )
}

function triggerOf(c: Context<Env>): JobTrigger {
  return c.get('byToken') ? 'api' : 'manual'
}

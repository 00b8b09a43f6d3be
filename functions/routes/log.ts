// The log of a job: as a file, by pages, and live.
import { ReadableStream as NodeStream } from 'node:stream/web'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { isFinished, logLevels } from 'db/domain/job'
import type { TypedResponse } from 'hono'
import { getJob } from 'db/queries/jobs'
import { indexLog, listLogLines, readLog } from 'db/queries/logs'
import type { Env, Server } from '../context.ts'
import { followJob } from '../follow-job.ts'
import { logText } from '../log-text.ts'
import { answerInvalid } from '../problems.ts'
import { eventStream } from '../stream.ts'
import { json, largeId, limit, pathId, text, time } from './definitions.ts'
import { exampleJob, Job } from './jobs.ts'

const Line = z
  .object({
    line: z.number().int().openapi({ description: 'Counts from 1 within the job' }),
    at: time,
    level: z.enum(logLevels),
    text: z.string(),
    stack_name: z.string().nullable().openapi({ description: 'Null: about the whole job' }),
  })
  .openapi('LogLine')

const exampleLine = {
  line: 48,
  at: '2026-11-23T01:02:11.000Z',
  level: 'info',
  text: 'Phase 3: finished',
  stack_name: null,
}

const tags = ['Jobs']
const params = pathId(largeId)
const stack = text
  .min(1)
  .max(500)
  .optional()
  .openapi({ description: 'Only the lines of the stack of this name', example: 'wiki' })
const lastLine = z
  .string()
  .regex(/^[0-9]{1,15}$/, 'must be a whole number')
  .transform(Number)
  .optional()
  .openapi({ type: 'integer', description: 'Only lines after this one', example: 40 })

const newest = z
  .string()
  .regex(/^[0-9]{1,7}$/, 'must be a whole number')
  .transform(Number)
  .optional()
  .openapi({ type: 'integer', description: 'Of the lines written already, at most the last so many', example: 500 })
const lines = {
  stack,
  level: z
    .enum(logLevels, `must be one of ${logLevels.join(', ')}`)
    .optional()
    .openapi({ description: 'Only lines of this level or a graver one', example: 'warn' }),
  search: text
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'Only lines whose text contains this, whatever its case', example: 'error' }),
}
/** Lines that lie between two numbers of an index. */
const indexStep = 200

export function log({ sql, live, log, stopping }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}/log',
        tags,
        summary: 'The log as a file',
        description: 'All lines so far as plain text: time (UTC), level, stack, text.',
        request: { params, query: z.object({ stack }) },
        responses: {
          200: {
            description: 'The log',
            content: {
              'text/plain': { schema: z.string(), example: '2026-11-23T01:02:11.000Z info  Phase 3: finished\n' },
            },
          },
        },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        const { stack } = c.req.valid('query')
        await getJob(sql, id)
        const name =
          stack === undefined ? `job-${id}.log` : `job-${id}-${stack.replaceAll(/[^A-Za-z0-9._-]+/g, '_')}.log`
        const file = c.body(NodeStream.from(logText(readLog(sql, id, stack))) as ReadableStream, 200, {
          'Content-Type': 'text/plain; charset=utf-8',
          'Content-Disposition': `attachment; filename="${name}"`,
        })
        // what c.text() would be typed as, were it able to stream
        return file as unknown as Response & TypedResponse<string, 200, 'text'>
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}/log/tail',
        tags,
        summary: 'New log lines',
        description:
          'Lines after `last_line`, or those among them that are asked for. Ask again with the answer’s `last_line` until `complete` is true.',
        request: { params, query: z.object({ last_line: lastLine, ...lines, limit: limit(500, 5000) }) },
        responses: {
          200: json(
            z.object({ lines: z.array(Line), last_line: z.number().int(), complete: z.boolean(), job: Job }),
            'Lines; `complete` once the job has ended and no line is left',
            { lines: [exampleLine], last_line: 48, complete: true, job: exampleJob },
          ),
        },
      }),
      async (c) => {
        const { last_line = 0, limit, ...filter } = c.req.valid('query')
        // the job first: a line that it does not count yet may come, one that it counts is there
        const job = await getJob(sql, c.req.valid('param').id)
        const lines = await listLogLines(sql, job.id, { ...filter, after: last_line, limit })
        const complete = isFinished(job.status) && lines.length < limit
        return c.json({ lines, last_line: lines.at(-1)?.line ?? last_line, complete, job }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}/log/places',
        tags,
        summary: 'Where lines are',
        description:
          'How many lines match, and the number of every 200th of them, beginning with the first. The page of matches that begins at one of these numbers is `log/tail` with the same filters, `last_line` one less and `limit=200`.',
        request: { params, query: z.object({ last_line: lastLine, ...lines }) },
        responses: {
          200: json(
            z.object({
              count: z.number().int(),
              step: z.number().int(),
              lines: z.array(z.number().int()),
              last_line: z.number().int().openapi({ description: 'The newest line that was looked at' }),
            }),
            'Where they are',
            { count: 412, step: indexStep, lines: [3, 20_412, 81_003], last_line: 100_000 },
          ),
        },
      }),
      async (c) => {
        const { last_line: after = 0, ...filter } = c.req.valid('query')
        const { id, last_line: last } = await getJob(sql, c.req.valid('param').id)
        const { count, lines } = await indexLog(sql, id, { ...filter, after, last }, indexStep)
        return c.json({ count, step: indexStep, lines, last_line: last }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}/events',
        tags,
        summary: 'Follow a job',
        description:
          'An event stream: `log` with a log line, its number as id; `status` with the job and its stacks, as `GET /api/jobs/{id}`; `end` when the job has ended and all lines are sent. Resumes after `Last-Event-ID`. With `newest`, of the lines written already only so many are sent: gaps show in the numbers.',
        request: { params, query: z.object({ last_line: lastLine, newest }) },
        responses: {
          200: {
            description: 'The events',
            content: {
              'text/event-stream': {
                schema: z.string(),
                example: `event: log\nid: 48\ndata: ${JSON.stringify(exampleLine)}\n\n`,
              },
            },
          },
        },
      }),
      async (c) => {
        const job = await getJob(sql, c.req.valid('param').id)
        const resumed = c.req.header('last-event-id')
        const after =
          resumed !== undefined && /^[0-9]{1,15}$/.test(resumed)
            ? Number(resumed)
            : (c.req.valid('query').last_line ?? 0)
        const { newest } = c.req.valid('query')
        const from = newest === undefined ? after : Math.max(after, job.last_line - newest)
        return eventStream(c, stopping, (out) => followJob({ sql, live, log }, job.id, from, out))
      },
    )
}

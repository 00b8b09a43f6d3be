// Compose projects as the agents found them.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { backupStates } from 'db/domain/backup'
import { jobStatuses } from 'db/domain/job'
import { getStack, listStackRuns, listStacks } from 'db/queries/stacks'
import type { Env, Server } from '../context.ts'
import { answerInvalid } from '../problems.ts'
import { filterId, json, pathId, smallId, time } from './definitions.ts'

const Stack = z
  .object({
    id: z.number().int(),
    host_id: z.number().int(),
    host: z.string(),
    name: z.string(),
    path: z.string(),
    folder: z.string().openapi({ description: 'Its folder below an archive’s' }),
    compose_file: z.string(),
    project: z.string(),
    kind: z
      .enum(['direct', 'nested', 'project'])
      .openapi({ description: 'Found in a mount’s root, one level below, or by labels alone' }),
    running: z.boolean(),
    containers: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        service: z.string(),
        image: z.string(),
        state: z.string(),
        health: z.string(),
      }),
    ),
    mounts: z.array(
      z.object({
        service: z.string(),
        type: z.string(),
        source: z.string(),
        destination: z.string(),
        covered: z.boolean().openapi({ description: 'By every archive that does not leave it out' }),
        on_request: z
          .boolean()
          .optional()
          .openapi({ description: 'Of what is not covered: whether an archive with include_bind_mounts holds it' }),
        why: z.string(),
      }),
    ),
    own: z.boolean().openapi({ description: 'Docker Archiver itself runs in it; it is never stopped' }),
    seen_at: time,
    gone_at: time.nullable().openapi({ description: 'Since when its compose file has not been seen' }),
    archives: z
      .array(z.object({ id: z.number().int(), name: z.string() }))
      .openapi({ description: 'Those that name it, and those of all stacks of its host' }),
    last_backup: z
      .object({
        id: z.number().int(),
        created_at: z.string(),
        verified_at: z.string(),
        size_bytes: z.number(),
        state: z.enum(backupStates),
      })
      .nullable()
      .openapi({ description: 'The newest good one that is there' }),
    newest_backup: z
      .object({ id: z.number().int(), created_at: z.string(), state: z.enum(backupStates) })
      .nullable()
      .openapi({ description: 'The newest that is there, good or not' }),
    last_run: z
      .object({
        job_id: z.number().int(),
        archive_name: z.string(),
        status: z.enum(jobStatuses),
        reason: z.string(),
        end_time: z.string(),
      })
      .nullable()
      .openapi({ description: 'What the last archive job that ended made of it; dry runs do not count' }),
  })
  .openapi('Stack')

const StackRun = z
  .object({
    job_id: z.number().int(),
    archive_id: z.number().int().nullable(),
    archive_name: z.string(),
    status: z.enum(jobStatuses),
    reason: z.string(),
    created_at: time,
    end_time: time.nullable(),
    duration_seconds: z.number().nullable(),
    downtime_seconds: z.number().nullable().openapi({ description: 'Null when nothing was stopped' }),
    archive_size_bytes: z.number().nullable(),
  })
  .openapi('StackRun')

const example = {
  id: 7,
  host_id: 1,
  host: 'local',
  name: 'wiki',
  path: '/srv/stacks/wiki',
  folder: 'wiki',
  compose_file: 'compose.yml',
  project: 'wiki',
  kind: 'nested',
  running: true,
  containers: [
    { id: '4f1c…', name: 'wiki-web-1', service: 'web', image: 'wiki:3', state: 'running', health: 'healthy' },
  ],
  mounts: [
    {
      service: 'web',
      type: 'volume',
      source: 'wiki_data',
      destination: '/data',
      covered: true,
      why: 'a volume of the local driver',
    },
  ],
  own: false,
  seen_at: '2026-11-23T08:00:00.000Z',
  gone_at: null,
  archives: [{ id: 3, name: 'nightly' }],
  last_backup: {
    id: 42,
    created_at: '2026-11-23T01:00:04+00:00',
    verified_at: '2026-11-23T01:02:10+00:00',
    size_bytes: 734_003_200,
    state: 'good',
  },
  newest_backup: { id: 42, created_at: '2026-11-23T01:00:04+00:00', state: 'good' },
  last_run: {
    job_id: 123,
    archive_name: 'nightly',
    status: 'success',
    reason: '',
    end_time: '2026-11-23T01:02:11+00:00',
  },
}

const exampleRun = {
  job_id: 123,
  archive_id: 3,
  archive_name: 'nightly',
  status: 'success',
  reason: '',
  created_at: '2026-11-23T01:00:00.000Z',
  end_time: '2026-11-23T01:02:11.000Z',
  duration_seconds: 131,
  downtime_seconds: 4.2,
  archive_size_bytes: 734_003_200,
}
const shownRuns = 12

export function stacks({ sql }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags: ['Stacks'],
        summary: 'List stacks',
        description:
          'All stacks by host and name: what runs in them, what a backup of them holds and what not. One that is gone is listed while it has an archive or a backup.',
        request: { query: z.object({ host_id: filterId(smallId, 'host') }) },
        responses: { 200: json(z.object({ stacks: z.array(Stack) }), 'The stacks', { stacks: [example] }) },
      }),
      async (c) => c.json({ stacks: await listStacks(sql, c.req.valid('query')) }, 200),
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}',
        tags: ['Stacks'],
        summary: 'One stack',
        description: `The stack, and the last ${shownRuns} times an archive job came to it, newest first: how it ended, downtime, size.`,
        request: { params: pathId(smallId) },
        responses: {
          200: json(z.object({ stack: Stack, runs: z.array(StackRun) }), 'The stack', {
            stack: example,
            runs: [exampleRun],
          }),
        },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        return c.json({ stack: await getStack(sql, id), runs: await listStackRuns(sql, id, shownRuns) }, 200)
      },
    )
}

// Executions, and what became of each stack in them.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { cleanupTasks } from 'db/domain/cleanup'
import { jobStatuses, jobTriggers, jobTypes } from 'db/domain/job'
import { phases } from 'db/domain/task'
import { cancelJob, listJobs, readJobDetail } from 'db/queries/jobs'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { cursor, filterId, json, largeId, limit, page, pathId, smallId, text, time } from './definitions.ts'

const RetentionResult = z.object({
  stack_id: z.number().int(),
  stack_name: z.string(),
  kept: z.number().int(),
  removed: z.number().int(),
  waits: z.string().openapi({ description: 'Why nothing was removed although rules would' }),
  bytes: z.number(),
})

const Finding = z.object({
  task: z.enum([...cleanupTasks, 'permissions']),
  path: z.string(),
  did: z.enum(['removed', 'trashed', 'fixed', 'reported']),
  bytes: z.number(),
  text: z.string(),
})

export const Job = z
  .object({
    id: z.number().int(),
    job_type: z.enum(jobTypes),
    archive_id: z.number().int().nullable(),
    archive_name: z.string(),
    status: z.enum(jobStatuses),
    reason: z.string(),
    triggered_by: z.enum(jobTriggers),
    is_dry_run: z.boolean(),
    created_at: time,
    start_time: time.nullable(),
    end_time: time.nullable(),
    duration_seconds: z.number().nullable(),
    cancel_requested_at: time.nullable(),
    total_size_bytes: z.number(),
    reclaimed_bytes: z.number(),
    last_line: z.number().int().openapi({ description: 'Number of the newest log line' }),
    log_pruned_at: time.nullable().openapi({ description: 'When its log, old then, was removed' }),
    stack_count: z.number().int(),
    options: z
      .object({
        dry_run: z.looseObject({}).optional(),
        tasks: z.array(z.string()).optional(),
        action: z.string().optional(),
        backup_ids: z.array(z.number().int()).optional(),
      })
      .openapi({ description: 'What it was asked beyond its archive' }),
    scheduled_for: time.nullable().openapi({ description: 'When its schedule was due' }),
    phase: z.number().int().openapi({ description: '0 initialise, 1 stacks, 2 retention, 3 finalise' }),
    phase_times: z.record(z.string(), z.string()).openapi({
      description: 'When phases 2 and 3 began, by their numbers; 0 begins with `created_at`, 1 with `start_time`',
    }),
    results: z
      .object({ retention: z.array(RetentionResult).optional(), findings: z.array(Finding).optional() })
      .openapi({ description: 'What retention or a cleanup came to; in a dry run, what it would come to' }),
  })
  .openapi('Job')

const JobStack = z
  .object({
    id: z.number().int(),
    job_id: z.number().int(),
    stack_id: z.number().int().nullable(),
    host_id: z.number().int().nullable(),
    host: z.string().nullable(),
    stack_name: z.string(),
    status: z.enum(jobStatuses),
    reason: z.string(),
    was_running: z.boolean().nullable(),
    start_time: time.nullable(),
    end_time: time.nullable(),
    duration_seconds: z.number().nullable(),
    downtime_seconds: z.number().nullable(),
    archive_path: z.string().nullable(),
    archive_size_bytes: z.number().nullable(),
    file_count: z.number().nullable(),
    content_bytes: z.number().nullable().openapi({ description: 'Of the content of the files in its backup' }),
    reused_bytes: z
      .number()
      .nullable()
      .openapi({ description: 'Of that, what was taken over from the backup before without being read' }),
    progress: z
      .object({
        phase: z.enum(phases),
        files: z.number(),
        bytes: z.number(),
        total_bytes: z.number().nullable(),
        stopped_at: z.string().nullable(),
      })
      .nullable()
      .openapi({ description: 'While it runs' }),
    out_of_contact_since: time.nullable().openapi({ description: 'Its agent works on, but has not been heard of' }),
    backup_id: z.number().int().nullable(),
    not_covered: z.array(z.string()).openapi({ description: 'Mounts that are not in the backup, with the reason' }),
    pull: z
      .object({ status: z.enum(['pulled', 'failed', 'timed_out']), reason: z.string(), lines: z.array(z.string()) })
      .nullable()
      .openapi({ description: 'What pulling its images came to' }),
    reclaimed_bytes: z.number().openapi({ description: 'Freed by retention' }),
    steps: z
      .array(z.object({ phase: z.enum(phases), at: z.string() }))
      .openapi({ description: 'The steps of archiving it so far, with when each began' }),
  })
  .openapi('JobStack')

const TouchedBackup = z
  .object({
    id: z.number().int(),
    stack_name: z.string(),
    path: z.string(),
    did: z.enum(['deleted', 'trashed', 'restored', 'verified', 'corrupt', 'missing', 'kept']),
    reason: z.string(),
    bytes: z.number(),
  })
  .openapi('TouchedBackup')

const JobProgress = z
  .object({ bytes: z.number(), total_bytes: z.number() })
  .openapi('JobProgress', { description: 'Of the backups that a job reads back, while it does' })

export const exampleJob = {
  id: 123,
  job_type: 'archive',
  archive_id: 3,
  archive_name: 'nightly',
  status: 'success',
  reason: '',
  triggered_by: 'manual',
  is_dry_run: false,
  created_at: '2026-11-23T01:00:00.000Z',
  start_time: '2026-11-23T01:00:01.000Z',
  end_time: '2026-11-23T01:02:11.000Z',
  duration_seconds: 130,
  cancel_requested_at: null,
  total_size_bytes: 734_003_200,
  reclaimed_bytes: 0,
  last_line: 48,
  log_pruned_at: null,
  stack_count: 1,
  options: {},
  scheduled_for: null,
  phase: 3,
  phase_times: { 2: '2026-11-23T01:02:10.000Z', 3: '2026-11-23T01:02:11.000Z' },
  results: { retention: [{ stack_id: 7, stack_name: 'wiki', kept: 12, removed: 1, waits: '', bytes: 702_545_920 }] },
}

export const exampleJobStack = {
  id: 310,
  job_id: 123,
  stack_id: 7,
  host_id: 1,
  host: 'local',
  stack_name: 'wiki',
  status: 'success',
  reason: '',
  was_running: true,
  start_time: '2026-11-23T01:00:01.000Z',
  end_time: '2026-11-23T01:02:11.000Z',
  duration_seconds: 130,
  downtime_seconds: 14.2,
  archive_path: '/archives/nightly/wiki/20261123_020004_wiki.tar.zst',
  archive_size_bytes: 734_003_200,
  file_count: 6500,
  content_bytes: 1503238553,
  reused_bytes: 1488206168,
  progress: null,
  out_of_contact_since: null,
  backup_id: 42,
  not_covered: [],
  pull: null,
  reclaimed_bytes: 702_545_920,
  steps: [
    { phase: 'resolve', at: '2026-11-23T01:00:01.000Z' },
    { phase: 'stop', at: '2026-11-23T01:00:02.000Z' },
    { phase: 'pack', at: '2026-11-23T01:00:03.100Z' },
  ],
}

const moment = z.iso.datetime('must be a moment such as 2026-11-23T00:00:00Z').optional()
const tags = ['Jobs']
const params = pathId(largeId)

export function jobs({ sql }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags,
        summary: 'List jobs',
        description: 'Newest first, by pages.',
        request: {
          query: z.object({
            archive_id: filterId(smallId, 'archive'),
            stack_id: filterId(smallId, 'stack'),
            host_id: filterId(smallId, 'host'),
            type: z
              .enum(jobTypes, `must be one of ${jobTypes.join(', ')}`)
              .optional()
              .openapi({ example: 'archive' }),
            status: z
              .enum(jobStatuses, `must be one of ${jobStatuses.join(', ')}`)
              .optional()
              .openapi({ example: 'failed' }),
            triggered_by: z
              .enum(jobTriggers, `must be one of ${jobTriggers.join(', ')}`)
              .optional()
              .openapi({ example: 'schedule' }),
            is_dry_run: z
              .enum(['true', 'false'], 'must be true or false')
              .transform((text) => text === 'true')
              .optional()
              .openapi({ type: 'boolean', description: 'Dry runs alone, or none of them', example: 'false' }),
            from: moment.openapi({ description: 'Asked for at this moment or later', example: '2026-11-01T00:00:00Z' }),
            to: moment.openapi({ description: 'Asked for before this moment', example: '2026-12-01T00:00:00Z' }),
            search: text.min(1).max(200).optional().openapi({
              description: 'In the name of the archive or a stack, or in the reason, whatever its case',
              example: 'wiki',
            }),
            limit: limit(50, 500),
            cursor,
          }),
        },
        responses: {
          200: json(z.object({ jobs: z.array(Job), next_cursor: z.string().nullable() }), 'A page of jobs', {
            jobs: [exampleJob],
            next_cursor: '123',
          }),
        },
      }),
      async (c) => {
        const { limit, cursor, ...filter } = c.req.valid('query')
        const { rows, next_cursor } = page(await listJobs(sql, { ...filter, before: cursor, limit: limit + 1 }), limit)
        return c.json({ jobs: rows, next_cursor }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}',
        tags,
        summary: 'One job',
        description:
          'The job; in `metrics` each of its stacks: status, downtime, size, progress while it runs; in `backups` those that were there before and that it read, removed or moved; in `progress` how far it has read them.',
        request: { params },
        responses: {
          200: json(
            z.object({
              job: Job,
              metrics: z.array(JobStack),
              backups: z.array(TouchedBackup),
              progress: JobProgress.nullable(),
            }),
            'The job with its stacks',
            {
              job: exampleJob,
              metrics: [exampleJobStack],
              backups: [
                {
                  id: 12,
                  stack_name: 'wiki',
                  path: 'nightly/wiki/20261001_020004_wiki.tar.zst',
                  did: 'deleted',
                  reason: 'retention of archive "nightly": no rule keeps it',
                  bytes: 702_545_920,
                },
              ],
              progress: null,
            },
          ),
        },
      }),
      async (c) => {
        return c.json(await readJobDetail(sql, c.req.valid('param').id), 200)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/cancel',
        tags,
        summary: 'Cancel a job',
        description:
          'What has not begun is given up at once; what runs is given up at its next step, and its stack is started again. Needs the role of an operator. 409 when the job has ended.',
        middleware: atLeast('operator'),
        request: { params },
        responses: { 202: json(z.object({}), 'Cancel was asked for', {}) },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        await cancelJob(sql, id)
        await audit(sql, c, 'job.cancel', 'job', id)
        return c.json({}, 202)
      },
    )
}

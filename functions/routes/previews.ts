// What a retention policy or a schedule would come to, before it is saved.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { backupStates } from 'db/domain/backup'
import { keepsNothing, keepsNothingText, planRetention, policyOf, type RetentionPolicy } from 'db/domain/retention'
import { nextRuns } from 'db/domain/schedule'
import { getArchive } from 'db/queries/archives'
import { listRetainedStacks, type RetainedStack } from 'db/queries/retention'
import type { Env, Server } from '../context.ts'
import { answerInvalid } from '../problems.ts'
import { cron, keep, timeZone } from './archive-fields.ts'
import { body, json, optionalBody, pathId, smallId, time } from './definitions.ts'

const Policy = z
  .strictObject({
    keep_days: keep('days'),
    keep_weeks: keep('ISO weeks'),
    keep_months: keep('months'),
    keep_years: keep('years'),
    one_per_day: z.boolean(),
  })
  .refine((policy) => !keepsNothing(policy), keepsNothingText)
  .openapi('RetentionPolicy')

const Preview = z
  .object({
    stacks: z.array(
      z.object({
        stack_id: z.number().int(),
        stack_name: z.string(),
        host: z.string(),
        waits: z
          .string()
          .openapi({ description: 'Why nothing is removed although rules would; empty when nothing is in the way' }),
        decisions: z.array(
          z.object({
            id: z.number().int(),
            created_at: time,
            size_bytes: z.number(),
            state: z.enum(backupStates),
            pinned: z.boolean(),
            keep: z.boolean(),
            goes: z.enum(['now', 'later']).nullable().openapi({
              description:
                'When it goes, null when it is kept. later: something is in the way, or at most half of a stack goes at once',
            }),
            reasons: z.array(z.string()),
          }),
        ),
        keep_bytes: z.number(),
        remove_bytes: z.number().openapi({ description: 'Of all that no rule keeps, now and later' }),
        remove_now_bytes: z.number(),
      }),
    ),
  })
  .openapi('RetentionPreview')

const examplePolicy = { keep_days: 7, keep_weeks: 4, keep_months: 6, keep_years: 2, one_per_day: true }
const example = {
  stacks: [
    {
      stack_id: 7,
      stack_name: 'wiki',
      host: 'local',
      waits: '',
      decisions: [
        {
          id: 42,
          created_at: '2026-11-23T01:00:04.000Z',
          size_bytes: 734_003_200,
          state: 'good',
          pinned: false,
          keep: true,
          goes: null,
          reasons: ['newest good backup', 'day 1 of 7', 'ISO week 2026-W48', 'month 2026-11', 'year 2026'],
        },
      ],
      keep_bytes: 734_003_200,
      remove_bytes: 0,
      remove_now_bytes: 0,
    },
  ],
}

const id = z.number().int().min(1).max(smallId)

export function retentionPreviews({ sql, config }: Server) {
  const said = { 200: json(Preview, 'Every backup with the decision about it and the reasons, newest first', example) }
  const RetentionQuestion = z
    .strictObject({
      archive_id: id.optional(),
      stack_ids: z.array(id).max(1000).optional(),
      policy: Policy,
      time_zone: timeZone.default(config.timeZone),
    })
    .refine(
      ({ archive_id, stack_ids }) => archive_id !== undefined || stack_ids !== undefined,
      'name an archive_id or stack_ids',
    )
    .openapi('RetentionQuestion')
  const Overrides = z
    .strictObject({ policy: Policy.optional(), time_zone: timeZone.optional() })
    .openapi('RetentionOverrides')

  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'post',
        path: '/archives/{id}/retention/preview',
        tags: ['Archives'],
        summary: 'Preview retention of an archive',
        description:
          'What retention would keep and remove now, with reasons and bytes: by the policy of the archive, or by one that is not saved yet. Changes nothing.',
        request: { params: pathId(smallId), body: optionalBody(Overrides, { policy: examplePolicy }) },
        responses: said,
      }),
      async (c) => {
        const archive = await getArchive(sql, c.req.valid('param').id)
        const { policy = policyOf(archive), time_zone = archive.time_zone } = Overrides.parse(c.req.valid('json') ?? {})
        const stacks = await listRetainedStacks(sql, { archive_id: archive.id })
        return c.json({ stacks: stacks.map((stack) => previewOf(stack, policy, time_zone)) }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/retention/preview',
        tags: ['Archives'],
        summary: 'Preview a retention policy',
        description:
          'What this policy would keep and remove now: of an archive, of some stacks, or of some stacks in an archive. Changes nothing.',
        request: {
          body: body(RetentionQuestion, { archive_id: 3, policy: examplePolicy, time_zone: 'Europe/Berlin' }),
        },
        responses: said,
      }),
      async (c) => {
        const { archive_id, stack_ids, policy, time_zone } = c.req.valid('json')
        const stacks = await listRetainedStacks(sql, { archive_id, stack_ids })
        return c.json({ stacks: stacks.map((stack) => previewOf(stack, policy, time_zone)) }, 200)
      },
    )
}

function previewOf({ backups, ...stack }: RetainedStack, policy: RetentionPolicy, timeZone: string) {
  const { waits, decisions, removed } = planRetention(backups, policy, timeZone)
  const byId = new Map(backups.map((backup) => [backup.id, backup]))
  const now = new Set(removed)
  const told = decisions.flatMap(({ id, keep, reasons }) => {
    const backup = byId.get(id)
    if (!backup) return []
    const { created_at, size_bytes, state, pinned } = backup
    const goes = keep ? null : now.has(id) ? ('now' as const) : ('later' as const)
    return [{ id, created_at: created_at.toISOString(), size_bytes, state, pinned, keep, goes, reasons }]
  })
  const bytesOf = (some: typeof told) => some.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  const { stack_id, stack_name, host } = stack
  return {
    stack_id,
    stack_name,
    host,
    waits,
    decisions: told,
    keep_bytes: bytesOf(told.filter(({ keep }) => keep)),
    remove_bytes: bytesOf(told.filter(({ keep }) => !keep)),
    remove_now_bytes: bytesOf(told.filter(({ goes }) => goes === 'now')),
  }
}

export function schedulePreview({ config }: Server) {
  const ScheduleQuestion = z
    .strictObject({
      cron,
      time_zone: timeZone.default(config.timeZone),
      count: z.number().int().min(1, 'must be 1 or more').max(100, 'must be 100 or less').default(5),
    })
    .openapi('ScheduleQuestion')
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid }).openapi(
    createRoute({
      method: 'post',
      path: '/preview',
      tags: ['Archives'],
      summary: 'Preview a schedule',
      description:
        'The next times it would be due. 422 with the reason when it is no cron expression, or never comes round.',
      request: { body: body(ScheduleQuestion, { cron: '30 2 * * mon-fri', time_zone: 'Europe/Berlin', count: 5 }) },
      responses: {
        200: json(z.object({ next_runs: z.array(time) }), 'The next times, in UTC', {
          next_runs: ['2026-11-24T01:30:00.000Z', '2026-11-25T01:30:00.000Z'],
        }),
      },
    }),
    (c) => {
      const { cron, time_zone, count } = c.req.valid('json')
      const runs = nextRuns(cron, { timeZone: time_zone, after: new Date(), count })
      return c.json({ next_runs: runs.map((run) => run.toISOString()) }, 200)
    },
  )
}

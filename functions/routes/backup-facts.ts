// What there is to know about one backup beyond its row, for its page.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { archiveModes } from 'db/domain/archive'
import { whenItGoes } from 'db/domain/forecast'
import { placesOf, planRetention, policyOf, retentionRules } from 'db/domain/retention'
import { getArchive } from 'db/queries/archives'
import { historyOf, makingOf, workOn } from 'db/queries/backup-facts'
import { getBackup, type Backup } from 'db/queries/backups'
import { listRetainedStacks } from 'db/queries/retention'
import type { Env, Server } from '../context.ts'
import { answerInvalid } from '../problems.ts'
import { json, largeId, pathId, time } from './definitions.ts'

const Retention = z
  .object({
    keep: z.boolean(),
    newest_good: z.boolean(),
    places: z
      .array(
        z.object({
          rule: z.enum(retentionRules),
          nth: z.number().int(),
          of: z.number().int(),
          oldest: z.boolean().openapi({ description: 'Kept as the oldest there is, while the rule has places left' }),
        }),
      )
      .openapi({ description: 'The rules that keep it: week 2 of 4' }),
    reasons: z.array(z.string()).openapi({ description: 'As retention writes them into its log' }),
    waits: z.string().openapi({ description: 'Why nothing of this stack is removed although rules would' }),
    waits_for: z.number().int().nullable().openapi({ description: 'The backup somebody has to acknowledge' }),
    scheduled: z.boolean().openapi({ description: 'Its archive runs by a schedule' }),
    goes_at: time.nullable().openapi({
      description:
        'The run that removes it, about, if the archive goes on by its schedule. Null: none of those that can be looked at',
    }),
  })
  .openapi('BackupRetention')

const Making = z
  .object({
    mode: z.enum(archiveModes),
    directory: z.string(),
    include_volumes: z.boolean(),
    exclude: z.array(z.string()),
    packed: z
      .array(z.object({ path: z.string(), prefix: z.string() }))
      .nullable()
      .openapi({ description: 'Folders it holds, and where in it; null when its agent did not tell' }),
    not_covered: z.array(z.string()).openapi({ description: 'Mounts that are not in it, with the reason' }),
    downtime_seconds: z.number().nullable(),
    was_running: z.boolean().nullable(),
    duration_seconds: z.number().nullable(),
    notes: z.array(z.string()).openapi({ description: 'Warnings and errors of its log, the first hundred' }),
    notes_count: z.number().int(),
    log_pruned_at: time.nullable(),
  })
  .openapi('BackupMaking')

const Facts = z
  .object({
    retention: Retention.nullable().openapi({
      description: 'Null: no retention looks at it, because it is not there or its archive or stack is gone',
    }),
    making: Making.nullable().openapi({ description: 'How it was made; null when the job is not known' }),
    work: z
      .object({ job_id: z.number().int(), kind: z.string(), running: z.boolean(), since: time })
      .nullable()
      .openapi({ description: 'What is being done to it' }),
    history: z
      .array(
        z.object({
          at: time,
          did: z.enum(['deleted', 'trashed', 'restored', 'verified', 'corrupt', 'missing', 'kept']),
          reason: z.string(),
          job_id: z.number().int(),
        }),
      )
      .openapi({ description: 'What was done to it since it was made, newest first' }),
  })
  .openapi('BackupFacts')

const example = {
  retention: {
    keep: true,
    newest_good: false,
    places: [{ rule: 'week', nth: 2, of: 4, oldest: false }],
    reasons: ['ISO week 2026-W47'],
    waits: '',
    waits_for: null,
    scheduled: true,
    goes_at: '2026-12-04T02:00:00.000Z',
  },
  making: {
    mode: 'stop',
    directory: '/srv/wiki',
    include_volumes: true,
    exclude: ['cache/'],
    packed: [{ path: '/srv/wiki', prefix: 'wiki' }],
    not_covered: ['/mnt/media: outside the directory of the stack'],
    downtime_seconds: 4.2,
    was_running: true,
    duration_seconds: 61,
    notes: [],
    notes_count: 0,
    log_pruned_at: null,
  },
  work: null,
  history: [{ at: '2026-11-24T02:30:00.000Z', did: 'verified', reason: '', job_id: 130 }],
}

export function backupFacts({ sql }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid }).openapi(
    createRoute({
      method: 'get',
      path: '/{id}/facts',
      tags: ['Backups'],
      summary: 'All about one backup',
      description: 'Why retention keeps it and when it goes, what it holds and what was left out, and its history.',
      request: { params: pathId(largeId) },
      responses: { 200: json(z.object({ facts: Facts }), 'What is known', { facts: example }) },
    }),
    async (c) => {
      const backup = await getBackup(sql, c.req.valid('param').id)
      const [retention, making, work, history] = await Promise.all([
        retentionOf(sql, backup, new Date()),
        makingOf(sql, backup.id),
        workOn(sql, backup.id),
        historyOf(sql, backup.id),
      ])
      return c.json({ facts: { retention, making, work, history } }, 200)
    },
  )
}

async function retentionOf(sql: Server['sql'], { id, archive_id, stack_id }: Backup, now: Date) {
  if (archive_id === null || stack_id === null) return null
  const [stack] = await listRetainedStacks(sql, { archive_id, stack_ids: [stack_id] })
  const backup = stack?.backups.find((backup) => backup.id === id)
  if (!stack || !backup) return null
  const archive = await getArchive(sql, archive_id)
  const { schedule_enabled, schedule_cron: cron, time_zone: timeZone } = archive
  const policy = policyOf(archive)
  const { waits, decisions } = planRetention(stack.backups, policy, timeZone)
  const decision = decisions.find((decision) => decision.id === id)
  const newestGood = stack.backups.find(({ state }) => state === 'good')
  const comes = schedule_enabled && waits === ''
  return {
    keep: decision?.keep ?? true,
    newest_good: newestGood?.id === id,
    places: placesOf(backup, stack.backups, policy, timeZone),
    reasons: decision?.reasons ?? [],
    waits,
    waits_for: waits === '' ? null : (newestGood?.id ?? null),
    scheduled: schedule_enabled,
    goes_at: comes ? whenItGoes(backup, stack.backups, policy, { cron, timeZone, now }) : null,
  }
}

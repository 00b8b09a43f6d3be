// What an archive is made of, as it comes in and goes out.
import { z } from '@hono/zod-openapi'
import { archiveFormats, archiveModes, defaultArchive, levels } from 'db/domain/archive'
import { patternProblem } from 'db/domain/exclude'
import { jobStatuses } from 'db/domain/job'
import { messageOf } from 'db/domain/errors'
import { keepsNothing, keepsNothingText, policyOf } from 'db/domain/retention'
import { parseSchedule } from 'db/domain/schedule'
import { isTimeZone } from '../config.ts'
import { smallId, text, time } from './definitions.ts'

export const timeZone = z
  .string()
  .refine(isTimeZone, 'must be a time zone such as Europe/Berlin')
  .openapi({ example: 'Europe/Berlin' })

export const cron = z
  .string()
  .trim()
  .max(200, 'must have at most 200 characters')
  .superRefine((cron, context) => {
    try {
      parseSchedule(cron)
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) })
    }
  })
  .openapi({
    description:
      'Minute, hour, day of the month, month, day of the week, as Vixie cron means them: 0 and 7 are Sunday, names and words like @daily work, and of two kinds of day one that fits is enough',
    example: '0 3 * * *',
  })

/** A number of a retention policy. */
export function keep(periods: string) {
  return z
    .number()
    .int('must be a whole number')
    .min(0, 'must be 0 or more')
    .max(10_000, 'must be 10000 or less')
    .openapi({ description: `Of so many of the last ${periods} that have a backup, the newest one is kept` })
}

export const archiveFields = {
  name: text.trim().min(1, 'must not be empty').max(100, 'must have at most 100 characters'),
  stack_ids: z
    .array(z.number().int().min(1).max(smallId), 'must be a list of stack ids')
    .max(1000, 'must name at most 1000 stacks'),
  all_stacks_of_host: z
    .number()
    .int()
    .min(1)
    .max(smallId)
    .nullable()
    .openapi({ description: 'All stacks of this host, those found later included, beside those in stack_ids' }),
  mode: z.enum(archiveModes, `must be one of ${archiveModes.join(', ')}`),
  format: z.enum(archiveFormats, `must be one of ${archiveFormats.join(', ')}`),
  level: z
    .number()
    .int('must be a whole number')
    .min(levels.min, `must be ${levels.min} or more`)
    .max(levels.max, `must be ${levels.max} or less`),
  include_volumes: z.boolean(),
  include_bind_mounts: z.boolean().openapi({
    description:
      'Folders and files outside the directory of a stack that its containers mount, below `_binds` in a backup. Those of the system (`/proc`, `/sys`, `/dev`, `/run`), of Docker and of Docker Archiver itself are always left out',
  }),
  max_downtime: z
    .number()
    .int('must be a whole number of seconds')
    .min(10, 'must be 10 seconds or more')
    .max(86_400, 'must be 86400 seconds (a day) or less')
    .openapi({ description: 'Seconds a stack may be down; then it is started and the backup given up' }),
  time_zone: timeZone,
  exclude: z
    .array(
      text.max(1000, 'must have at most 1000 characters').refine((pattern) => patternProblem(pattern) === null, {
        error: ({ input }) => patternProblem(String(input)) ?? '',
      }),
      'must be a list of patterns',
    )
    .max(1000, 'must have at most 1000 patterns')
    .openapi({
      description:
        'Patterns as in a .gitignore, below the directory of a stack and below each volume; for bind mounts outside it they count from the root of the host',
    }),
  schedule_enabled: z.boolean(),
  schedule_cron: cron,
  catch_up_window: z
    .number()
    .int('must be a whole number of seconds')
    .min(0, 'must be 0 or more')
    .max(604_800, 'must be 604800 seconds (a week) or less')
    .openapi({ description: 'Seconds a run may be late and still run; 0: never' }),
  retention_keep_days: keep('days'),
  retention_keep_weeks: keep('ISO weeks'),
  retention_keep_months: keep('months'),
  retention_keep_years: keep('years'),
  retention_one_per_day: z.boolean().openapi({ description: 'false: every backup of the kept days stays' }),
}

const LastJob = z.object({
  id: z.number().int(),
  status: z.enum(jobStatuses),
  created_at: z.string(),
  end_time: z.string().nullable(),
})

export const Archive = z
  .object({
    ...archiveFields,
    id: z.number().int(),
    folder: z.string().openapi({ description: 'Its folder below the archives folder of each host; never changes' }),
    created_at: time,
    updated_at: time,
    next_run_at: time.nullable().openapi({ description: 'Null while the schedule is off' }),
    missed_runs: z
      .array(z.object({ scheduled_for: z.string(), reason: z.string() }))
      .openapi({ description: 'The last five times it was due and did not run' }),
    last_job: LastJob.nullable(),
    last_result: LastJob.nullable().openapi({
      description: 'The last run that has ended and was no dry run, whatever runs now',
    }),
  })
  .openapi('Archive')

/** What is left out takes its default; `timeZone` is the server's. */
export function newArchive(timeZone: string) {
  return z
    .strictObject({
      ...archiveFields,
      mode: archiveFields.mode.default(defaultArchive.mode),
      format: archiveFields.format.default(defaultArchive.format),
      level: archiveFields.level.default(defaultArchive.level),
      include_volumes: archiveFields.include_volumes.default(defaultArchive.include_volumes),
      include_bind_mounts: archiveFields.include_bind_mounts.default(defaultArchive.include_bind_mounts),
      max_downtime: archiveFields.max_downtime.default(defaultArchive.max_downtime),
      time_zone: archiveFields.time_zone.default(timeZone),
      stack_ids: archiveFields.stack_ids.default([]),
      all_stacks_of_host: archiveFields.all_stacks_of_host.default(defaultArchive.all_stacks_of_host),
      exclude: archiveFields.exclude.default([]),
      schedule_enabled: archiveFields.schedule_enabled.default(defaultArchive.schedule_enabled),
      schedule_cron: archiveFields.schedule_cron.default(defaultArchive.schedule_cron),
      catch_up_window: archiveFields.catch_up_window.default(defaultArchive.catch_up_window),
      retention_keep_days: archiveFields.retention_keep_days.default(defaultArchive.retention_keep_days),
      retention_keep_weeks: archiveFields.retention_keep_weeks.default(defaultArchive.retention_keep_weeks),
      retention_keep_months: archiveFields.retention_keep_months.default(defaultArchive.retention_keep_months),
      retention_keep_years: archiveFields.retention_keep_years.default(defaultArchive.retention_keep_years),
      retention_one_per_day: archiveFields.retention_one_per_day.default(defaultArchive.retention_one_per_day),
    })
    .superRefine((archive, context) => {
      if (archive.stack_ids.length === 0 && archive.all_stacks_of_host === null) {
        const message = 'choose at least one stack, or all stacks of a host'
        context.addIssue({ code: 'custom', path: ['stack_ids'], message })
      }
      if (keepsNothing(policyOf(archive)))
        context.addIssue({ code: 'custom', path: ['retention_keep_days'], message: keepsNothingText })
    })
    .openapi('NewArchive')
}

export const exampleSettings = {
  name: 'nightly',
  stack_ids: [7, 9],
  ...defaultArchive,
  schedule_enabled: true,
  time_zone: 'Europe/Berlin',
}
const exampleJob = {
  id: 123,
  status: 'success',
  created_at: '2026-11-23T01:00:00+00:00',
  end_time: '2026-11-23T01:02:11+00:00',
}
export const exampleArchive = {
  ...exampleSettings,
  id: 3,
  folder: 'nightly',
  created_at: '2026-11-01T08:00:00.000Z',
  updated_at: '2026-11-01T08:00:00.000Z',
  next_run_at: '2026-11-24T02:00:00.000Z',
  missed_runs: [{ scheduled_for: '2026-11-20T02:00:00+00:00', reason: 'skipped: job 119 was still running' }],
  last_job: exampleJob,
  last_result: exampleJob,
}

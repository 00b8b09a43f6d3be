// What the dashboard tells beyond lists.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { jobStatuses } from 'db/domain/job'
import { localTime } from 'db/domain/local-time'
import { readDashboard, readStorageOverTime } from 'db/queries/dashboard'
import type { Env, Server } from '../context.ts'
import { keep } from '../kept.ts'
import { json } from './definitions.ts'

const day = z.iso.date().openapi({ example: '2026-11-23' })
const number = z.number().int().optional()

const results = {
  success: number,
  warning: number,
  failed: number,
  cancelled: number,
  running: number,
  missed: number,
}

const Results = z.object(results).openapi('Results', {
  description:
    'Jobs by how they ended; what is not there is 0. `running` counts those that wait, too; `missed` the times a schedule was due and nothing ran.',
})

const DayResults = z
  .object({ day, ...results })
  .openapi('DayResults', { description: 'Of one day in the display time zone' })

const Dashboard = z
  .object({
    today: day,
    maintenance_mode: z.boolean(),
    storage: z.object({
      bytes: z.number(),
      backups: z.number().int(),
      trash_bytes: z.number().openapi({ description: 'Of these bytes, what the trash holds' }),
      corrupt: z.number().int(),
    }),
    last_24_hours: Results,
    next_run: z
      .object({ archive_id: z.number().int(), archive_name: z.string(), at: z.string() })
      .nullable()
      .openapi({ description: 'The next run of any schedule' }),
    archives: z.array(
      z.object({
        archive_id: z.number().int(),
        last_result: z
          .object({
            job_id: z.number().int(),
            status: z.enum(jobStatuses),
            reason: z.string(),
            end_time: z.string(),
          })
          .nullable()
          .openapi({ description: 'Of the last run that ended, whatever runs now; dry runs do not count' }),
        days: z
          .array(DayResults)
          .openapi({ description: 'Of the last 30 days, those on which anything ran or should have' }),
      }),
    ),
    calendar: z.array(DayResults).openapi({ description: 'Jobs of every type in the last 365 days' }),
  })
  .openapi('Dashboard')

const series = z.object({
  stack_id: z.number().int().nullable(),
  stack_name: z.string(),
  bytes: z.array(z.number()).openapi({ description: 'At the end of each of the days' }),
})

const StorageOverTime = z
  .object({
    days: z.array(day).openapi({ description: 'Ascending; a day apart, or a week when there is a long history' }),
    stacks: z.array(series).openapi({ description: 'Those that take most today' }),
    others: series.nullable().openapi({ description: 'All other stacks together' }),
  })
  .openapi('StorageOverTime')

export function dashboard({ sql, live, config }: Server) {
  // it reads every backup of a year; pages ask for it again when backups change
  const storage = keep(
    live,
    ['backups', 'stacks'],
    () => hourIn(config.timeZone),
    () => readStorageOverTime(sql, config.timeZone),
  )
  return new OpenAPIHono<Env>()
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags: ['Server'],
        summary: 'How things stand',
        description:
          'Storage, the last 24 hours, the next run, 30 days of each archive and a calendar of the last year. Days are those of the display time zone; dry runs are not counted.',
        responses: {
          200: json(Dashboard, 'How things stand', {
            today: '2026-11-23',
            maintenance_mode: false,
            storage: { bytes: 73_400_320_000, backups: 120, trash_bytes: 0, corrupt: 0 },
            last_24_hours: { success: 3, failed: 1 },
            next_run: { archive_id: 3, archive_name: 'nightly', at: '2026-11-24T02:00:00+00:00' },
            archives: [
              {
                archive_id: 3,
                last_result: { job_id: 123, status: 'success', reason: '', end_time: '2026-11-23T02:02:11+00:00' },
                days: [
                  { day: '2026-11-22', missed: 1 },
                  { day: '2026-11-23', success: 1 },
                ],
              },
            ],
            calendar: [{ day: '2026-11-23', success: 3, failed: 1 }],
          }),
        },
      }),
      async (c) => c.json(await readDashboard(sql, config.timeZone), 200),
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/storage',
        tags: ['Server'],
        summary: 'Storage over time',
        description:
          'What the backups of each stack took at the end of each day, over at most a year: the largest stacks of today, and all others together.',
        responses: {
          200: json(StorageOverTime, 'Storage by stack', {
            days: ['2026-11-22', '2026-11-23'],
            stacks: [{ stack_id: 7, stack_name: 'wiki', bytes: [734_003_200, 1_468_006_400] }],
            others: null,
          }),
        },
      }),
      async (c) => c.json(await storage(), 200),
    )
}

/** Its days end at midnight there, whichever clock is a moment ahead. */
function hourIn(timeZone: string): string {
  const { month, day, hour } = localTime(new Date(), timeZone)
  return `${month}-${day} ${hour}`
}

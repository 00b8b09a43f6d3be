import { nextRuns } from 'db/domain/schedule'
import { expect, test } from 'vitest'
import { choiceOf, cronOf, hourSteps, type ScheduleChoice } from './schedule.ts'
import { scheduleInWords } from './schedule-words.ts'

const after = new Date('2026-11-23T12:00:00Z')
const runs = (cron: string, count = 5) =>
  nextRuns(cron, { timeZone: 'UTC', after, count }).map((run) => run.toISOString().slice(0, 16))

test.each([
  ['0 3 * * *', 'Every day at 03:00'],
  ['@daily', 'Every day at 00:00'],
  ['0 3,15 * * *', 'Every day at 03:00 and 15:00'],
  ['30 2 * * mon-fri', 'Every Monday to Friday at 02:30'],
  ['30 2 * * 1-5', 'Every Monday to Friday at 02:30'],
  ['0 4 * * 0', 'Every Sunday at 04:00'],
  ['0 4 * * 7', 'Every Sunday at 04:00'],
  ['0 4 * * 0,1', 'Every Monday and Sunday at 04:00'],
  ['0 4 * * 5-7', 'Every Friday to Sunday at 04:00'],
  ['5 1 1 * *', 'On day 1 of each month at 01:05'],
  ['5 1 1,15 * *', 'On days 1 and 15 of each month at 01:05'],
  ['0 0 1 1 *', 'On day 1 of January at 00:00'],
  ['0 6 * jul *', 'Every day in July at 06:00'],
  ['0 4 13 * 5', 'On day 13 of each month and every Friday at 04:00'],
  ['15 */6 * * *', 'Every day at 00:15, 06:15, 12:15 and 18:15'],
  ['15 */2 * * *', 'Every 2 hours from 00:15'],
  ['*/15 * * * *', 'Every 15 minutes'],
  ['*/15 * * * 1-5', 'Every 15 minutes, every Monday to Friday'],
  ['@hourly', 'Every hour, on the hour'],
  ['20 * * * *', 'Every hour, 20 min past'],
  ['0 8-18 * * *', 'Every hour from 08:00 to 18:00'],
  ['* * * * *', 'Every minute'],
])('"%s" is "%s"', (cron, text) => {
  expect(runs(cron, 1)).toHaveLength(1)
  expect(scheduleInWords(cron)).toBe(text)
})

test.each([
  '*/7 3 * * *',
  '0 0 */2 * *',
  '0 0 */2 * mon',
  '0 0 1-31 * mon',
  '0 0 1 jan,feb mon',
  '0 0 * 1-7 *',
  'nonsense',
  '61 * * * *',
  '0 0 * * 8',
  '5/10 * * * x',
  '',
])('"%s" has no words of its own', (cron) => {
  expect(scheduleInWords(cron)).toBe(cron)
})

test('times that are named are the times it runs', () => {
  for (const cron of ['0 3,15 * * *', '15 */6 * * *', '30 2 * * mon-fri', '5 1 1,15 * *', '0 4 13 * 5']) {
    const named = new Set(scheduleInWords(cron).match(/\d\d:\d\d/g))
    expect(new Set(runs(cron, 40).map((run) => run.slice(11)))).toEqual(named)
  }
})

const base = choiceOf('')
const choices: Partial<ScheduleChoice>[] = [
  ...hourSteps.map((every) => ({ rhythm: 'hours' as const, every, minute: 20 })),
  { rhythm: 'daily', time: '00:05' },
  { rhythm: 'weekly', time: '23:59', weekdays: [1, 4, 0] },
  { rhythm: 'monthly', time: '04:30', day: 31 },
]

test.each(choices)('what is chosen is found again in the expression: %o', (choice) => {
  const cron = cronOf({ ...base, ...choice })
  expect(runs(cron)).toHaveLength(5)
  expect(cronOf(choiceOf(cron))).toBe(cron)
  expect(choiceOf(cron).rhythm).toBe(choice.rhythm)
  expect(scheduleInWords(cron)).not.toBe(cron)
})

test('picker, words and next runs are of one mind', () => {
  const weekly = cronOf({ ...base, rhythm: 'weekly', time: '07:45', weekdays: [0, 3] })
  expect(weekly).toBe('45 7 * * 0,3')
  expect(scheduleInWords(weekly)).toBe('Every Wednesday and Sunday at 07:45')
  expect(runs(weekly, 2)).toEqual(['2026-11-25T07:45', '2026-11-29T07:45'])
})

test('what is missing makes no expression, and what the picker cannot show is kept as it is', () => {
  const missing: Partial<ScheduleChoice>[] = [
    { rhythm: 'daily', time: '' },
    { rhythm: 'weekly', weekdays: [] },
    { rhythm: 'monthly', day: null },
    { rhythm: 'monthly', day: 32 },
    { rhythm: 'hours', minute: 60 },
  ]
  for (const part of missing) expect(cronOf({ ...base, ...part })).toBe('')
  for (const cron of ['0 0 1 1 *', '*/5 * * * *', '0 0 1 * 1', '0 */5 * * *', 'x']) {
    expect(choiceOf(cron)).toMatchObject({ rhythm: 'custom', cron })
    expect(cronOf(choiceOf(cron))).toBe(cron)
  }
})

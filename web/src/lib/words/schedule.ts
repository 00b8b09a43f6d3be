// When an archive runs.
import type { Rhythm } from '../schedule.ts'

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const list = new Intl.ListFormat('en-GB', { type: 'conjunction' })
const listed = (parts: (string | number)[]) => list.format(parts.map(String))

/** Monday first, and three or more in a row as a range. */
function weekdayNames(days: number[]): string {
  const fromMonday = days.map((day) => (day + 6) % 7).sort((one, other) => one - other)
  const [first = 0] = fromMonday
  const last = fromMonday.at(-1) ?? 0
  const name = (day: number) => weekdays[(day + 1) % 7] ?? ''
  if (fromMonday.length > 2 && last - first === fromMonday.length - 1) return `${name(first)} to ${name(last)}`
  return listed(fromMonday.map(name))
}

export const schedule = {
  title: 'When',
  enabled: 'Run by itself',
  enabledHint: 'Without a schedule it runs only when somebody presses Run.',
  off: 'No schedule: it runs only by hand',
  rhythm: 'How often',
  rhythms: {
    hours: 'Every few hours',
    daily: 'Every day',
    weekly: 'On days of the week',
    monthly: 'Once a month',
    custom: 'Cron expression',
  } satisfies Record<Rhythm, string>,
  every: 'Hours between two runs',
  everyHours: (n: number) => (n === 1 ? 'Every hour' : `Every ${n} hours`),
  minute: 'Minutes past the hour',
  time: 'Time of day',
  weekday: 'Days',
  weekdays: [1, 2, 3, 4, 5, 6, 0].map((day) => ({ day, name: weekdays[day] ?? '' })),
  day: 'Day of the month',
  dayHint: 'Months without this day are left out.',
  cron: 'Cron expression',
  cronHint: 'Minute, hour, day of the month, month, day of the week. 0 and 7 are Sunday; names such as mon work.',
  zone: 'Time zone',
  zoneHint: 'For its schedule, the days of its retention, and the date in the names of its backups. Type to search.',
  catchUp: 'Hours a run may be late',
  catchUpHint: 'If the server or the host was away at its time, it still runs until then; later it counts as missed.',
  is: 'That is:',
  incomplete: 'Complete the fields to see when it runs.',
  nextRuns: (zone: string) => `Next five runs, in ${zone} time`,
  errors: {
    time: 'Give a time of day, such as 03:00.',
    minute: 'Give a whole number from 0 to 59.',
    weekdays: 'Choose at least one day.',
    day: 'Give a day from 1 to 31.',
    cron: 'Give a cron expression, such as 0 3 * * *.',
    zone: 'Choose a time zone from the list, such as Europe/Berlin.',
    catchUp: 'Give a number of hours, from 0 to 168.',
  },

  everyMinute: 'every minute',
  hourly: (minute: number) => (minute === 0 ? 'every hour, on the hour' : `every hour, ${minute} min past`),
  minutes: (step: number) => `every ${step} minutes`,
  hourlyAt: (minutes: number[]) => `every hour, at minutes ${listed(minutes)}`,
  hours: (step: number, minute: number) => `every ${step} hours from 00:${String(minute).padStart(2, '0')}`,
  hourlyFrom: (first: string, last: string) => `every hour from ${first} to ${last}`,
  at: (times: string[]) => `at ${listed(times)}`,
  monthNames: (numbers: number[]) => listed(numbers.map((month) => months[month - 1] ?? '')),
  weekdayNames,
  weekly: (days: string, inMonths: string) => `every ${days}${inMonths && ` in ${inMonths}`}`,
  monthly: (days: number[], inMonths: string) =>
    `on ${days.length === 1 ? 'day' : 'days'} ${listed(days)} of ${inMonths || 'each month'}`,
  everyDayIn: (months: string) => `every day in ${months}`,
  either: (one: string, other: string) => `${one} and ${other}`,
  once: (time: string, day: string) => `${day || 'every day'} ${time}`,
  often: (rate: string, day: string) => (day ? `${rate}, ${day}` : rate),
}

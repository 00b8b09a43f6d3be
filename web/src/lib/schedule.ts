// A schedule as people choose it, and the cron expression it stands for. The expression is what counts; the rest is how it
// was chosen.

export const rhythms = ['hours', 'daily', 'weekly', 'monthly', 'custom'] as const
export type Rhythm = (typeof rhythms)[number]

/** They divide a day, so that runs are equally far apart over midnight, too. */
export const hourSteps = [1, 2, 3, 4, 6, 8, 12]

export interface ScheduleChoice {
  rhythm: Rhythm
  /** Hours between two runs. */
  every: number
  /** Of an hour, where it runs every so many hours. */
  minute: number | null
  /** "03:00"; empty while nothing is given. */
  time: string
  /** As cron counts them: 0 is Sunday. */
  weekdays: number[]
  /** Of the month. */
  day: number | null
  /** Empty while something is still to be chosen. */
  cron: string
}

const names: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/** Its five fields; null when there are not five. */
export function fieldsOf(cron: string): [string, string, string, string, string] | null {
  const text = cron.trim().toLowerCase()
  const fields = (names[text] ?? text).split(/\s+/)
  return fields.length === 5 ? (fields as [string, string, string, string, string]) : null
}

/** What the picker shows for an expression; what it has no fields for is shown as it is written. */
export function choiceOf(cron: string): ScheduleChoice {
  const choice: ScheduleChoice = {
    rhythm: 'custom',
    every: 6,
    minute: 0,
    time: '03:00',
    weekdays: [1],
    day: 1,
    cron,
  }
  const fields = fieldsOf(cron)
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields ?? []
  const isNumber = (field: string, from: number, to: number) =>
    /^\d{1,2}$/.test(field) && Number(field) >= from && Number(field) <= to
  if (month !== '*' || !isNumber(minute, 0, 59)) return choice

  const step = hour === '*' ? 1 : /^\*\/\d{1,2}$/.test(hour) ? Number(hour.slice(2)) : 0
  if (hourSteps.includes(step) && day === '*' && weekday === '*') {
    return { ...choice, rhythm: 'hours', every: step, minute: Number(minute) }
  }
  if (!isNumber(hour, 0, 23)) return choice
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`
  if (day === '*' && weekday === '*') return { ...choice, rhythm: 'daily', time }
  if (day === '*' && /^[0-7](,[0-7])*$/.test(weekday)) {
    const weekdays = [...new Set(weekday.split(',').map((text) => Number(text) % 7))]
    return { ...choice, rhythm: 'weekly', time, weekdays }
  }
  if (isNumber(day, 1, 31) && weekday === '*') return { ...choice, rhythm: 'monthly', time, day: Number(day) }
  return choice
}

/** The expression for what was chosen; empty when something is missing. */
export function cronOf({ rhythm, every, minute, time, weekdays, day, cron }: ScheduleChoice): string {
  if (rhythm === 'custom') return cron
  if (rhythm === 'hours') {
    if (minute === null || !Number.isInteger(minute) || minute < 0 || minute > 59) return ''
    return `${minute} ${every === 1 ? '*' : `*/${every}`} * * *`
  }
  const [, hour, past] = /^(\d\d):(\d\d)/.exec(time) ?? []
  if (hour === undefined) return ''
  const at = `${Number(past)} ${Number(hour)}`
  if (rhythm === 'daily') return `${at} * * *`
  if (rhythm === 'weekly') {
    const ordered = [...weekdays].sort((one, other) => one - other)
    return ordered.length === 0 ? '' : `${at} * * ${ordered.join(',')}`
  }
  if (day === null || !Number.isInteger(day) || day < 1 || day > 31) return ''
  return `${at} ${day} * *`
}

/** About how many hours lie between two runs, to imagine what a year of them leaves. */
export function hoursBetween({ rhythm, every, weekdays }: ScheduleChoice): number {
  if (rhythm === 'hours') return every
  if (rhythm === 'weekly') return 168 / Math.max(1, weekdays.length)
  return rhythm === 'monthly' ? 730.5 : 24
}

// When a schedule is due: five-field cron as Vixie cron means it, in an IANA time zone, right across DST.
//
// cron-parser reads the items of a field. When they come round is worked out here: cron-parser ORs day-of-month and
// day-of-week also where one of them begins with *, moves a skipped time by an hour, and loses it where only half an hour
// is skipped (Australia/Lord_Howe).
import { CronExpressionParser } from 'cron-parser'
import { Invalid, messageOf } from './errors.ts'
import { localTime, offsetAt } from './local-time.ts'

export interface Schedule {
  minutes: number[]
  hours: number[]
  days: ReadonlySet<number>
  months: ReadonlySet<number>
  weekdays: ReadonlySet<number>
  /** Both kinds of day were given: one that fits is enough. A field that begins with * counts as not given. */
  eitherDay: boolean
}

const words: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const fields = [
  { name: 'minute', what: 'minute', from: 0, to: 59, names: [] },
  { name: 'hour', what: 'hour', from: 0, to: 23, names: [] },
  { name: 'dayOfMonth', what: 'day of the month', from: 1, to: 31, names: [] },
  { name: 'month', what: 'month', from: 1, to: 12, names: monthNames },
  { name: 'dayOfWeek', what: 'day of the week', from: 0, to: 7, names: weekdayNames },
] as const

/** Throws Invalid, in words, for what is no cron expression and for one that never comes round. */
export function parseSchedule(cron: string): Schedule {
  const text = cron.trim().toLowerCase()
  if (text === '@reboot') throw new Invalid('"@reboot" is no time; write when it is to run, such as "0 3 * * *"')
  if (text.startsWith('@') && !words[text]) {
    throw new Invalid(`"${text}" is not known; there are ${Object.keys(words).join(', ')}`)
  }
  const items = (words[text] ?? text).split(/\s+/)
  if (items.length !== 5 || items[0] === '') {
    throw new Invalid(
      'must have five fields: minute, hour, day of the month, month, day of the week, such as "0 3 * * *"',
    )
  }
  const [minutes, hours, days, months, weekdays] = fields.map((_, index) => valuesOf(items, index)) as [
    number[],
    number[],
    number[],
    number[],
    number[],
  ]
  const schedule = {
    minutes,
    hours,
    days: new Set(days),
    months: new Set(months),
    weekdays: new Set(weekdays.map((day) => day % 7)),
    eitherDay: !items[2]?.startsWith('*') && !items[4]?.startsWith('*'),
  }
  if (!everFires(schedule)) throw new Invalid(`"${cron.trim()}" never comes round: no date is like that`)
  return schedule
}

/** What one field asks for, ascending. */
function valuesOf(items: string[], index: number): number[] {
  const field = fields[index]
  if (!field) return []
  const values = items[index]?.split(',').flatMap((item) => {
    const [range = '', step] = item.split('/')
    const bounds = range.split('-')
    const isNumber = (bound: string) => /^[0-9]{1,4}$/.test(bound) || (field.names as readonly string[]).includes(bound)
    const isRange = range === '*' || (bounds.length <= 2 && bounds.every(isNumber))
    const refuse = (why: string) => new Invalid(`${field.what}: "${item}" ${why}`)
    if (!isRange || item.split('/').length > 2 || (step !== undefined && !/^[0-9]{1,4}$/.test(step))) {
      const names = field.names.length > 0 ? ` or names (${field.names.slice(0, 3).join(', ')}, …)` : ''
      throw refuse(`must be *, a number, a range or a step of numbers from ${field.from} to ${field.to}${names}`)
    }
    if (step !== undefined && Number(step) === 0) throw refuse('has a step of 0')
    if (step !== undefined && range !== '*' && bounds.length === 1) {
      throw refuse(`has a step without a range; write "${range}-${field.to}/${step}"`)
    }
    try {
      const alone = fields.map((_, at) => (at === index ? item : '*')).join(' ')
      return CronExpressionParser.parse(alone).fields[field.name].values as number[]
    } catch (error) {
      const outside = bounds.some((bound) => Number(bound) < field.from || Number(bound) > field.to)
      if (outside) throw refuse(`must be from ${field.from} to ${field.to}`)
      if (bounds.length === 2) throw refuse(`runs backwards${index === 4 ? '; as the end of a range Sunday is 7' : ''}`)
      throw refuse(`is not understood: ${messageOf(error)}`)
    }
  })
  return [...new Set(values)].sort((one, other) => one - other)
}

/** Weekdays and leap years come round together within 40 years, also over a year like 2100. */
function everFires(schedule: Schedule): boolean {
  for (let day = 0; day < 366 * 41; day++) if (isDay(schedule, Date.UTC(2000, 0, 1) + day * dayLong)) return true
  return false
}

const minuteLong = 60_000
const hourLong = 60 * minuteLong
const dayLong = 24 * hourLong

/** `midnight`: of the date, as if it were UTC. */
function isDay({ days, months, weekdays, eitherDay }: Schedule, midnight: number): boolean {
  const date = new Date(midnight)
  if (!months.has(date.getUTCMonth() + 1)) return false
  const [byDay, byWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())]
  return eitherDay ? byDay || byWeekday : byDay && byWeekday
}

export interface NextRuns {
  timeZone: string
  /** Only runs later than this. */
  after: Date
  count: number
}

/**
 * The next times it is due, ascending. As Vixie cron documents it, clock changes are made up for where a schedule does
 * not run every hour: what is due in a skipped hour is due once, right after it, and in a repeated hour the first
 * time counts. What runs every hour follows the clock. Throws Invalid as parseSchedule does.
 */
export function nextRuns(cron: string, { timeZone, after, count }: NextRuns): Date[] {
  const schedule = parseSchedule(cron)
  const { year, month, day } = localTime(after, timeZone)
  const found: Date[] = []
  let last = after.getTime()
  // from the day before: a time that was skipped late in the evening is due on the next day
  for (let midnight = Date.UTC(year, month - 1, day) - dayLong; found.length < count; midnight += dayLong) {
    if (!isDay(schedule, midnight)) continue
    for (const at of momentsOf(schedule, midnight, timeZone)) {
      if (at <= last) continue
      found.push(new Date((last = at)))
      if (found.length === count) break
    }
  }
  return found
}

/** When a schedule is due on one date, ascending. */
function momentsOf({ hours, minutes }: Schedule, midnight: number, timeZone: string): number[] {
  const shown = hours.flatMap((hour) => minutes.map((minute) => midnight + hour * hourLong + minute * minuteLong))
  const [early, late] = [midnight - 15 * hourLong, midnight + dayLong + 13 * hourLong]
  const [before, after] = [offsetAt(early, timeZone), offsetAt(late, timeZone)]
  if (before === after) return shown.map((time) => time - after)

  const change = changeBetween(early, late, before, timeZone)
  const everyHour = hours.length === 24
  return shown
    .flatMap((time) => {
      const moments = [time - before].filter((at) => at < change)
      if (time - after >= change) moments.push(time - after)
      if (everyHour) return moments
      return moments.length === 0 ? [change] : moments.slice(0, 1)
    })
    .sort((one, other) => one - other)
}

/** The first moment after `early` at which the zone is no longer `before` ahead of UTC. */
function changeBetween(early: number, late: number, before: number, timeZone: string): number {
  while (late - early > 1000) {
    const middle = Math.floor((early + late) / 2000) * 1000
    if (offsetAt(middle, timeZone) === before) early = middle
    else late = middle
  }
  return late
}

export interface DueRuns {
  cron: string
  timeZone: string
  /** The earliest run nothing became of yet. */
  due: Date
  now: Date
  /** Seconds a run may be late and still run. */
  catchUpWindow: number
  /** Why nothing may run now; empty when it may. */
  held: string
}

export interface Decision {
  /** The run to start now, if any: the newest that is due. */
  run: Date | null
  missed: { scheduled_for: Date; reason: string }[]
  next: Date
}

/** Seconds a run may be late in any case: servers restart, minutes pass. */
export const misfireGrace = 120
const mostMissed = 20
const farthestBack = 31 * dayLong

/** What becomes of the times that are due: the newest runs unless it is too late for it, and so stands for those before it. */
export function decideDue({ cron, timeZone, due, now, catchUpWindow, held }: DueRuns): Decision {
  if (due > now) return { run: null, missed: [], next: due }
  const from = new Date(Math.max(due.getTime(), now.getTime() - farthestBack) - 1)
  const times: Date[] = []
  let next = from
  for (let batch = 64; next <= now; batch *= 2) {
    const found = nextRuns(cron, { timeZone, after: next, count: batch })
    times.push(...found.filter((time) => time <= now))
    next = found.find((time) => time > now) ?? found.at(-1) ?? now
  }
  const newest = times.at(-1)
  if (!newest) return { run: null, missed: [], next }

  const latest = Math.max(catchUpWindow, misfireGrace) * 1000
  const isLate = (time: Date) => now.getTime() - time.getTime() > latest
  const run = held === '' && !isLate(newest) ? newest : null
  const missed = times
    .filter((time) => time !== run)
    .slice(-mostMissed)
    .map((time) => ({ scheduled_for: time, reason: held || reasonFor(time) }))
  const unnamed = times.length - missed.length - (run ? 1 : 0)
  if (missed[0] && unnamed > 0) missed[0].reason += `; so were ${unnamed} before it`
  return { run, missed, next }

  function reasonFor(time: Date): string {
    if (run && !isLate(time)) return `it could not start in time; the run due at ${run.toISOString()} stands for it`
    return `it could not start within ${inWords(latest)} of its time`
  }
}

function inWords(milliseconds: number): string {
  const minutes = Math.round(milliseconds / minuteLong)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 6) / 10} h`
}

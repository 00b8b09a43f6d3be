// A cron expression in words. Says exactly when it runs, or repeats the expression where words would be longer than it.
import { fieldsOf } from './schedule.ts'
import { words } from './words.ts'

interface Field {
  values: number[]
  /** Every value there is. */
  whole: boolean
  /** Begins with *: cron takes such a field of days for one that was not given. */
  star: boolean
}

const mostNamed = 6

/** "Every day at 03:00". */
export function scheduleInWords(cron: string): string {
  const read = fieldsOf(cron)?.map((text, index) => fieldOf(text, index))
  if (!read || read.includes(null)) return cron
  const [minutes, hours, days, months, weekdays] = read as [Field, Field, Field, Field, Field]
  const time = timeText(minutes, hours)
  const day = dayText(days, months, weekdays)
  if (time === null || day === null) return cron
  const text = time.often ? words.schedule.often(time.text, day) : words.schedule.once(time.text, day)
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const bounds: [from: number, to: number, names: string[]][] = [
  [0, 59, []],
  [0, 23, []],
  [1, 31, []],
  [1, 12, months],
  [0, 7, weekdays],
]

/** Null when it is not understood; why, the server says. */
function fieldOf(text: string, index: number): Field | null {
  const [from, to, names] = bounds[index] ?? [0, 0, []]
  const number = (bound: string) => {
    if (names.includes(bound)) return names.indexOf(bound) + (from === 1 ? 1 : 0)
    return /^\d{1,2}$/.test(bound) ? Number(bound) : NaN
  }
  const found = new Set<number>()
  for (const item of text.split(',')) {
    const [, range = '', step = '1'] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(item) ?? []
    const [first = '', last = first] = range.split('-')
    const [begin, end] = range === '*' ? [from, to] : [number(first), number(last)]
    if (!(begin >= from && end <= to && begin <= end && Number(step) > 0)) return null
    for (let value = begin; value <= end; value += Number(step)) found.add(index === 4 ? value % 7 : value)
  }
  const values = [...found].sort((one, other) => one - other)
  return { values, whole: values.length === (index === 4 ? 7 : to - from + 1), star: text.startsWith('*') }
}

const clock = (hour: number, minute: number) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`

/** `often`: it says how far runs are apart, not when they are. */
function timeText(minutes: Field, hours: Field): { text: string; often: boolean } | null {
  const often = (text: string) => ({ text, often: true })
  const [minute = 0] = minutes.values
  const [firstHour = 0] = hours.values
  const lastHour = hours.values.at(-1) ?? 0
  if (hours.whole) {
    if (minutes.whole) return often(words.schedule.everyMinute)
    if (minutes.values.length === 1) return often(words.schedule.hourly(minute))
    const step = stepOf(minutes.values, 60)
    if (step !== null) return often(words.schedule.minutes(step))
    return minutes.values.length <= mostNamed ? often(words.schedule.hourlyAt(minutes.values)) : null
  }
  if (hours.values.length * minutes.values.length <= mostNamed) {
    const times = hours.values.flatMap((hour) => minutes.values.map((minute) => clock(hour, minute)))
    return { text: words.schedule.at(times), often: false }
  }
  if (minutes.values.length !== 1) return null
  const step = stepOf(hours.values, 24)
  if (step !== null) return often(words.schedule.hours(step, minute))
  const isRange = lastHour - firstHour === hours.values.length - 1
  return isRange ? often(words.schedule.hourlyFrom(clock(firstHour, minute), clock(lastHour, minute))) : null
}

/** How far they are apart, when they are equally far all round; null when not. */
function stepOf(values: number[], of: number): number | null {
  const step = of / values.length
  return values.length > 1 && values.every((value, at) => value === at * step) ? step : null
}

/** Empty: every day. */
function dayText(days: Field, months: Field, weekdays: Field): string | null {
  const inMonths = months.whole ? '' : words.schedule.monthNames(months.values)
  if (months.values.length > mostNamed && !months.whole) return null
  if (days.whole && weekdays.whole) return inMonths && words.schedule.everyDayIn(inMonths)
  const ofWeek = words.schedule.weekdayNames(weekdays.values)
  if (days.whole && days.star) return words.schedule.weekly(ofWeek, inMonths)
  if (days.values.length > mostNamed) return null
  const ofMonth = words.schedule.monthly(days.values, inMonths)
  if (weekdays.whole && weekdays.star) return ofMonth
  // cron means either of the two only when both were given
  if (days.star || weekdays.star || days.whole || weekdays.whole || inMonths) return null
  return words.schedule.either(ofMonth, words.schedule.weekly(ofWeek, ''))
}

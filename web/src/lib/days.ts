// Days and what became of them, for strips and the calendar. A day is YYYY-MM-DD in the display time zone, as the server cut it.
import { count } from './format.ts'
import type { DayResults, Results } from './rows.ts'
import { words } from './words.ts'

/** The gravest first: a day is shown as the worst that happened on it. */
export const dayStates = ['failed', 'missed', 'warning', 'cancelled', 'success', 'running', 'none'] as const
export type DayState = (typeof dayStates)[number]

/** A run under way decides only where nothing has ended yet: it must not hide that another failed. */
export function stateOf(results: Results | undefined): DayState {
  return dayStates.find((state) => state !== 'none' && (results?.[state] ?? 0) > 0) ?? 'none'
}

/** "1 failed, 2 succeeded", or that nothing was due. */
export function textOf(results: Results | undefined): string {
  const parts = dayStates.flatMap((state) => {
    const n = state === 'none' ? 0 : (results?.[state] ?? 0)
    return n > 0 && state !== 'none' ? [`${count(n)} ${words.days.results[state]}`] : []
  })
  return parts.join(', ') || words.days.none
}

export function sumOf(days: readonly Results[]): Results {
  const sum: Results = {}
  for (const results of days)
    for (const state of dayStates) if (state !== 'none') sum[state] = (sum[state] ?? 0) + (results[state] ?? 0)
  return sum
}

const dayLong = 86_400_000
const at = (day: string) => new Date(`${day}T00:00:00Z`)
const textFor = (date: Date) => date.toISOString().slice(0, 10)

export function daysBefore(day: string, n: number): string {
  return textFor(new Date(at(day).getTime() - n * dayLong))
}

const names = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'UTC',
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
})
/** "Mon 23 Nov 2026". */
export function dayName(day: string): string {
  return names.format(at(day)).replace(',', '')
}

const months = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', month: 'short' })

export interface Day {
  day: string
  results: DayResults | undefined
}

/** The last `n` days, ascending, today the last. */
export function lastDays(today: string, n: number, known: readonly DayResults[]): Day[] {
  const byDay = new Map(known.map((results) => [results.day, results]))
  return Array.from({ length: n }, (_, back) => daysBefore(today, n - 1 - back)).map((day) => ({
    day,
    results: byDay.get(day),
  }))
}

export interface Week {
  /** Name of the month whose first day is in this week; empty for others. */
  month: string
  /** Monday to Sunday; undefined for days outside the span. */
  days: (Day | undefined)[]
}

/** The weeks that hold these days, each from Monday. */
export function weeksOf(days: readonly Day[]): Week[] {
  const first = days[0]
  if (!first) return []
  const lead = (at(first.day).getUTCDay() + 6) % 7
  const cells = [...Array<undefined>(lead), ...days]
  return Array.from({ length: Math.ceil(cells.length / 7) }, (_, week) => {
    const of = Array.from({ length: 7 }, (_, weekday) => cells[week * 7 + weekday])
    const begins = of.find((cell) => cell?.day.endsWith('-01'))
    return { month: begins ? months.format(at(begins.day)) : '', days: of }
  })
}

const steps: Record<string, number> = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 }

/** The day a key leads to in a calendar whose columns are weeks; of the days given, which are those with something on them. */
export function dayByKey(days: readonly string[], current: string, key: string): string | undefined {
  if (key === 'Home') return days[0]
  if (key === 'End') return days.at(-1)
  const step = steps[key]
  if (step === undefined) return undefined
  const wanted = daysBefore(current, -step)
  return (step < 0 ? days.findLast((day) => day <= wanted) : days.find((day) => day >= wanted)) ?? current
}

/** Where the jobs of a day are listed. */
export function historyOf(day: string, archiveId?: number): string {
  const archive = archiveId === undefined ? '' : `&archive=${archiveId}`
  return `/history?from=${day}&to=${day}${archive}`
}

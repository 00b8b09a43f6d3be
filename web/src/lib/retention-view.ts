// A retention preview as it is drawn: imagined backups where there are none, and where each stands on the timeline.
import { decideRetention, type RetentionPolicy } from 'db/domain/retention'
import type { RetentionPreview } from './rows.ts'
import { words } from './words.ts'

export type RetainedStack = RetentionPreview['stacks'][number]

/** Of one backup; an imagined one has no size. */
export interface Decision {
  id: number
  created_at: string
  goes: 'now' | 'later' | null
  reasons: string[]
  size_bytes?: number
}

const day = 86_400_000
const farthest = 3 * 365
const mostImagined = 1500

/** What a policy would leave of a backup every so many hours, made for as long as the policy reaches; newest first. */
export function imagine(
  policy: RetentionPolicy,
  hours: number,
  timeZone: string,
  now: Date,
): { days: number; decisions: Decision[] } {
  const { keep_days, keep_weeks, keep_months, keep_years } = policy
  const reach = Math.max(keep_days, keep_weeks * 7, keep_months * 31, keep_years * 366)
  const step = hours * 3_600_000
  // some beyond its reach, so that it shows what goes
  const days = Math.min(Math.ceil(reach * 1.1) + 7, farthest, Math.floor((mostImagined * step) / day))
  const backups = Array.from({ length: Math.floor((days * day) / step) + 1 }, (_, at) => ({
    id: at + 1,
    created_at: new Date(now.getTime() - at * step),
    state: 'good' as const,
    pinned: false,
  }))
  const decisions = decideRetention(backups, policy, timeZone).map(({ id, keep, reasons }) => ({
    id,
    created_at: new Date(now.getTime() - (id - 1) * step).toISOString(),
    goes: keep ? null : ('now' as const),
    reasons,
  }))
  return { days, decisions }
}

export interface Sums {
  kept: number
  keptBytes: number
  now: number
  nowBytes: number
  later: number
}

export function sumsOf(stacks: readonly RetainedStack[]): Sums {
  const sums = { kept: 0, keptBytes: 0, now: 0, nowBytes: 0, later: 0 }
  for (const { decisions, keep_bytes, remove_now_bytes } of stacks) {
    for (const { goes } of decisions) sums[goes ?? 'kept'] += 1
    sums.keptBytes += keep_bytes
    sums.nowBytes += remove_now_bytes
  }
  return sums
}

interface Drawn {
  x: number
  decision: Decision
}

export interface Timeline {
  kept: Drawn[]
  now: Drawn[]
  later: Drawn[]
  ticks: { x: number; text: string }[]
}

const { ago } = words.retention
const tickDays: [number, string][] = [
  [1, ago.day],
  [7, ago.week],
  [30.44, ago.month],
  [91.3, ago.quarter],
  [182.6, ago.half],
  [365.25, ago.year],
  [730.5, ago.two],
  [1826, ago.five],
  [3652, ago.ten],
]
const edge = 6
const labelWidth = 34

/**
 * Newest at the left. Distances grow with the logarithm of the age: the last days, where most backups are, get as much
 * room as the years before. Of those that would be drawn on the same spot one is, kept ones first.
 */
export function timelineOf(decisions: readonly Decision[], now: Date, width: number): Timeline {
  const age = (at: string) => Math.max(0, (now.getTime() - Date.parse(at)) / day)
  const oldest = Math.max(2, ...decisions.map(({ created_at }) => age(created_at)))
  const room = Math.max(1, width - 2 * edge)
  const place = (days: number) => edge + (Math.log1p(days) / Math.log1p(oldest)) * room
  const spots = new Set<number>()
  const drawn = (goes: Decision['goes']) =>
    decisions.flatMap((decision) => {
      const x = Math.round(place(age(decision.created_at)))
      if (decision.goes !== goes || (goes !== null && spots.has(x))) return []
      spots.add(x)
      return [{ x, decision }]
    })
  const kept = drawn(null)
  const ticks = [{ x: edge, text: words.retention.today }]
  for (const [days, text] of tickDays) {
    const x = Math.round(place(days))
    if (days < oldest && x - (ticks.at(-1)?.x ?? 0) >= labelWidth && x < width - 12) ticks.push({ x, text })
  }
  return { kept, now: drawn('now'), later: drawn('later'), ticks }
}

// Which backups are kept and which go, with the reasons: rules of days, weeks, months and years, each on its own.
import type { BackupState } from './backup.ts'
import { localTime, type LocalTime } from './local-time.ts'
import { binarySize } from './size.ts'

export interface RetentionBackup {
  id: number
  created_at: Date
  state: BackupState
  pinned: boolean
}

/** How many of the last days, weeks, … that have a backup keep one. At least one number must be above 0. */
export interface RetentionPolicy {
  keep_last?: number
  keep_days: number
  keep_weeks: number
  keep_months: number
  keep_years: number
  /** false: the days rule keeps every backup of its days. */
  one_per_day: boolean
}

export interface RetentionDecision {
  id: number
  keep: boolean
  /** For people: "day 3 of 7", "ISO week 2026-W41". */
  reasons: string[]
}

export const retentionRules = ['last', 'day', 'week', 'month', 'year'] as const

/** The place a rule gives a backup it keeps: day 3 of 7. */
export interface RulePlace {
  rule: (typeof retentionRules)[number]
  nth: number
  of: number
  /** Kept as the oldest there is, while the rule has places left. */
  oldest: boolean
}

interface Rule {
  name: RulePlace['rule']
  count: number
  /** Names the period a moment falls into. */
  period: (time: LocalTime, index: number) => string
  /** Why the backup is kept: it is of this period, the nth of its rule. */
  reason: (period: string, nth: number) => string
  /** Keep all of a period, not the newest alone. */
  whole: boolean
}

/**
 * Newest first, one for each backup. Every rule walks from the newest to the oldest and keeps the newest of each of its
 * last periods that have one; with quota left at the oldest, that is kept, too (as restic does). Only good backups
 * fill periods. Others are judged by the same rules among those of their own state, so that they neither
 * displace a good one nor pile up. The newest good one and pinned ones are always kept.
 */
export function decideRetention(
  backups: readonly RetentionBackup[],
  policy: RetentionPolicy,
  timeZone: string,
): RetentionDecision[] {
  const newestFirst = [...backups].sort(
    (one, other) => other.created_at.getTime() - one.created_at.getTime() || other.id - one.id,
  )
  const reasons = new Map<number, string[]>(newestFirst.map(({ id }) => [id, []]))
  const newestGood = newestFirst.find(({ state }) => state === 'good')
  if (newestGood) reasons.get(newestGood.id)?.push('newest good backup')
  for (const { id, pinned } of newestFirst) if (pinned) reasons.get(id)?.push('pinned')

  for (const state of new Set(newestFirst.map(({ state }) => state))) {
    const among = newestFirst.filter((backup) => backup.state === state)
    for (const { id, reason } of keptByRules(among, policy, timeZone)) {
      reasons.get(id)?.push(state === 'good' ? reason : `${reason} among ${state} ones`)
    }
  }
  return newestFirst.map(({ id }) => {
    const why = reasons.get(id) ?? []
    return { id, keep: why.length > 0, reasons: why.length > 0 ? why : ['no rule keeps it'] }
  })
}

/** The rules that keep this one, among those of its own state. */
export function placesOf(
  backup: RetentionBackup,
  backups: readonly RetentionBackup[],
  policy: RetentionPolicy,
  timeZone: string,
): RulePlace[] {
  const among = backups
    .filter(({ state }) => state === backup.state)
    .sort((one, other) => other.created_at.getTime() - one.created_at.getTime() || other.id - one.id)
  return keptByRules(among, policy, timeZone)
    .filter(({ id }) => id === backup.id)
    .map(({ rule, nth, of, oldest }) => ({ rule, nth, of, oldest }))
}

function keptByRules(newestFirst: RetentionBackup[], policy: RetentionPolicy, timeZone: string) {
  const times = newestFirst.map(({ created_at }) => localTime(created_at, timeZone))
  return rulesOf(policy).flatMap(({ name, count, period, reason, whole }) => {
    const kept: (RulePlace & { id: number; reason: string })[] = []
    const place = (oldest = false) => ({ rule: name, nth: used, of: count, oldest })
    let last = ''
    let used = 0
    for (const [index, { id }] of newestFirst.entries()) {
      const time = times[index]
      if (!time) continue
      const here = period(time, index)
      if (here !== last) {
        if (used === count) break
        last = here
        used += 1
        kept.push({ id, reason: reason(here, used), ...place() })
      } else if (whole) {
        kept.push({ id, reason: reason(here, used), ...place() })
      } else if (index === newestFirst.length - 1 && used < count) {
        kept.push({ id, reason: `oldest, and ${reason(here, used)}`, ...place(true) })
      }
    }
    return kept
  })
}

function rulesOf(policy: RetentionPolicy): Rule[] {
  const { keep_last = 0, keep_days, keep_weeks, keep_months, keep_years, one_per_day } = policy
  const named = { whole: false }
  return [
    {
      ...named,
      name: 'last',
      count: keep_last,
      period: (_, index) => String(index),
      reason: (_, nth) => `last ${nth} of ${keep_last}`,
    },
    {
      name: 'day',
      count: keep_days,
      period: ({ year, month, day }) => `${year}-${two(month)}-${two(day)}`,
      reason: (_, nth) => `day ${nth} of ${keep_days}`,
      whole: !one_per_day,
    },
    { ...named, name: 'week', count: keep_weeks, period: isoWeek, reason: (week) => `ISO week ${week}` },
    {
      ...named,
      name: 'month',
      count: keep_months,
      period: ({ year, month }) => `${year}-${two(month)}`,
      reason: (month) => `month ${month}`,
    },
    { ...named, name: 'year', count: keep_years, period: ({ year }) => String(year), reason: (year) => `year ${year}` },
  ]
}

/** "2026-W53": the week belongs to the year of its Thursday (ISO 8601). */
function isoWeek({ year, month, day }: LocalTime): string {
  const date = new Date(Date.UTC(year, month - 1, day))
  date.setUTCDate(date.getUTCDate() + 4 - (date.getUTCDay() || 7))
  const first = Date.UTC(date.getUTCFullYear(), 0, 1)
  const week = Math.floor((date.getTime() - first) / 86_400_000 / 7) + 1
  return `${date.getUTCFullYear()}-W${two(week)}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

export interface MeasuredBackup extends RetentionBackup {
  format: string
  size_bytes: number
  file_count: number
  /** When a person said that it is right. */
  acknowledged_at: Date | null
}

/**
 * Why nothing of this stack may be removed now; empty when it may. A newest backup with less than half the size or the files
 * of what came before may mean that its source was emptied: then the old ones are what matters. It waits until
 * a person says that it is right, or a later backup is as large as before. Sizes are compared within one format.
 */
export function waitsFor(backups: readonly MeasuredBackup[]): string {
  const oldestFirst = backups
    .filter(({ state }) => state === 'good')
    .sort((one, other) => one.created_at.getTime() - other.created_at.getTime() || one.id - other.id)
  let before: MeasuredBackup | undefined
  let waits = ''
  for (const backup of oldestFirst) {
    const why = before && backup.acknowledged_at === null ? collapse(before, backup) : ''
    if (why === '') before = backup
    waits = why
  }
  return waits
}

function collapse(before: MeasuredBackup, now: MeasuredBackup): string {
  const until = 'nothing is removed until somebody says that this is right'
  if (now.file_count * 2 < before.file_count) {
    return `the newest backup has ${now.file_count} files, the one before it ${before.file_count}; ${until}`
  }
  if (now.format === before.format && now.size_bytes * 2 < before.size_bytes) {
    return `the newest backup has ${binarySize(now.size_bytes)}, the one before it ${binarySize(before.size_bytes)}; ${until}`
  }
  return ''
}

export interface StackRetention {
  /** Why nothing is removed although rules would; empty when nothing stands in the way. */
  waits: string
  decisions: RetentionDecision[]
  /** Ids that go now, oldest first. */
  removed: number[]
  /** Ids that no rule keeps, but that go with a later job: never more than half at once, nor half of the good ones. */
  later: number[]
}

/** What retention does to the backups of one stack in one job. */
export function planRetention(
  backups: readonly MeasuredBackup[],
  policy: RetentionPolicy,
  timeZone: string,
): StackRetention {
  const decisions = decideRetention(backups, policy, timeZone)
  const waits = waitsFor(backups)
  const good = new Set(backups.filter(({ state }) => state === 'good').map(({ id }) => id))
  // agents refuse more than half of what they find
  const atMost = Math.floor(backups.length / 2)
  let goodOnes = Math.floor(good.size / 2)
  const [removed, later]: [number[], number[]] = [[], []]
  for (const { id, keep } of decisions.toReversed()) {
    if (keep) continue
    const isGood = good.has(id)
    if (waits !== '' || removed.length >= atMost || (isGood && goodOnes === 0)) {
      later.push(id)
    } else {
      removed.push(id)
      if (isGood) goodOnes -= 1
    }
  }
  return { waits, decisions, removed, later }
}

/** Such a policy is refused where it comes in: it would be a way to delete all but one. */
export function keepsNothing({
  keep_last = 0,
  keep_days,
  keep_weeks,
  keep_months,
  keep_years,
}: RetentionPolicy): boolean {
  return keep_last + keep_days + keep_weeks + keep_months + keep_years === 0
}

/** For people, about such a policy. */
export const keepsNothingText =
  'keeps nothing: at least one of days, weeks, months and years must be 1 or more, or all backups but the newest would go'

/** The policy among the columns of an archive. */
export function policyOf(archive: {
  retention_keep_days: number
  retention_keep_weeks: number
  retention_keep_months: number
  retention_keep_years: number
  retention_one_per_day: boolean
}): RetentionPolicy {
  return {
    keep_days: archive.retention_keep_days,
    keep_weeks: archive.retention_keep_weeks,
    keep_months: archive.retention_keep_months,
    keep_years: archive.retention_keep_years,
    one_per_day: archive.retention_one_per_day,
  }
}

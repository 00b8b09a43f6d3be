// What the archive editor holds: texts as typed, and how they become the API's body.
import { defaultArchive, levels, type ArchiveFormat, type ArchiveMode } from 'db/domain/archive'
import { patternProblem } from 'db/domain/exclude'
import { keepsNothing, type RetentionPolicy } from 'db/domain/retention'
import type { Archive, ArchiveBody } from './rows.ts'
import { choiceOf, type ScheduleChoice } from './schedule.ts'
import { words } from './words.ts'

export interface ArchiveForm {
  name: string
  stack_ids: number[]
  all_stacks_of_host: number | null
  mode: ArchiveMode
  include_volumes: boolean
  include_bind_mounts: boolean
  /** One pattern a line. */
  exclude: string
  format: ArchiveFormat
  level: number | null
  /** Minutes; the API counts seconds. */
  downtime_minutes: number | null
  schedule_enabled: boolean
  schedule: ScheduleChoice
  time_zone: string
  /** The API counts seconds. */
  catch_up_hours: number | null
  keep_days: number | null
  keep_weeks: number | null
  keep_months: number | null
  keep_years: number | null
  one_per_day: boolean
}

/** The API's names of the fields; errors come under the same. */
export type FieldErrors = Partial<Record<keyof ArchiveBody, string>>

/** Seconds, as the API allows. */
const downtime = { min: 10, max: 86_400 }
const catchUp = { min: 0, max: 604_800 }
const mostKept = 10_000
const longestPattern = 1000

/** Formats that are compressed; for the others a level means nothing. */
export function hasLevel(format: ArchiveFormat): boolean {
  return format === 'tar.zst' || format === 'tar.gz'
}

export function newForm(timeZone: string, stackIds: number[]): ArchiveForm {
  return formOf({ ...defaultArchive, exclude: [], name: '', stack_ids: stackIds, time_zone: timeZone })
}

type Settings = Pick<
  Archive,
  Exclude<keyof typeof defaultArchive, 'exclude'> | 'exclude' | 'name' | 'stack_ids' | 'time_zone'
>

export function formOf(archive: Settings): ArchiveForm {
  const { name, all_stacks_of_host, mode, format, level, schedule_enabled, time_zone } = archive
  return {
    name,
    stack_ids: [...archive.stack_ids],
    all_stacks_of_host,
    mode,
    include_volumes: archive.include_volumes,
    include_bind_mounts: archive.include_bind_mounts,
    exclude: archive.exclude.join('\n'),
    format,
    level,
    downtime_minutes: Math.round((archive.max_downtime / 60) * 100) / 100,
    schedule_enabled,
    schedule: choiceOf(archive.schedule_cron),
    time_zone,
    catch_up_hours: Math.round((archive.catch_up_window / 3600) * 100) / 100,
    keep_days: archive.retention_keep_days,
    keep_weeks: archive.retention_keep_weeks,
    keep_months: archive.retention_keep_months,
    keep_years: archive.retention_keep_years,
    one_per_day: archive.retention_one_per_day,
  }
}

/** The policy as typed, or what is wrong at which number. */
export function readPolicy(form: ArchiveForm): { policy: RetentionPolicy } | { errors: FieldErrors } {
  const { keep_days, keep_weeks, keep_months, keep_years, one_per_day } = form
  const numbers = { keep_days, keep_weeks, keep_months, keep_years }
  const wrong = Object.entries(numbers).filter(([, number]) => !isWhole(number, 0, mostKept))
  if (wrong.length > 0)
    return {
      errors: Object.fromEntries(wrong.map(([name]) => [`retention_${name}`, words.retention.errors.number(mostKept)])),
    }
  const policy = { ...(numbers as Record<keyof typeof numbers, number>), one_per_day }
  if (keepsNothing(policy)) return { errors: { retention_keep_days: words.retention.errors.nothing } }
  return { policy }
}

/** The body to send, or what is wrong at which field. What does not count while the schedule is off is not sent. */
export function bodyOf(form: ArchiveForm): { body: ArchiveBody } | { errors: FieldErrors } {
  const { name, stack_ids, all_stacks_of_host, mode, format, schedule_enabled, time_zone } = form
  const max_downtime = seconds(form.downtime_minutes, 60)
  const catch_up_window = seconds(form.catch_up_hours, 3600)
  const level = isWhole(form.level, levels.min, levels.max) ? form.level : null
  const exclude = form.exclude.split(/\r?\n/).filter((line) => line.trim() !== '')
  const badPattern = excludeProblem(form.exclude)
  const policy = readPolicy(form)
  const cron = form.schedule.cron.trim()

  const errors: FieldErrors = {
    ...(name.trim() === '' && { name: words.archive.errors.name }),
    ...(stack_ids.length === 0 && all_stacks_of_host === null && { stack_ids: words.archive.errors.stacks }),
    ...(badPattern !== null && { exclude: words.archive.errors.exclude(badPattern.line, badPattern.text) }),
    ...(level === null && hasLevel(format) && { level: words.archive.errors.level(levels.min, levels.max) }),
    ...(!isWhole(max_downtime, downtime.min, downtime.max) && { max_downtime: words.archive.errors.maxDowntime }),
    ...(schedule_enabled && cron === '' && { schedule_cron: missingIn(form.schedule) }),
    ...(schedule_enabled &&
      !isWhole(catch_up_window, catchUp.min, catchUp.max) && { catch_up_window: words.schedule.errors.catchUp }),
    ...(!isTimeZone(time_zone.trim()) && { time_zone: words.schedule.errors.zone }),
    ...('errors' in policy && policy.errors),
  }
  if ('errors' in policy || Object.keys(errors).length > 0) return { errors }
  const { keep_days, keep_weeks, keep_months, keep_years, one_per_day } = policy.policy
  return {
    body: {
      name: name.trim(),
      stack_ids,
      all_stacks_of_host,
      mode,
      include_volumes: form.include_volumes,
      include_bind_mounts: form.include_bind_mounts,
      exclude,
      format,
      ...(level !== null && { level }),
      max_downtime,
      schedule_enabled,
      ...(schedule_enabled && { schedule_cron: cron, catch_up_window }),
      time_zone: time_zone.trim(),
      retention_keep_days: keep_days,
      retention_keep_weeks: keep_weeks,
      retention_keep_months: keep_months,
      retention_keep_years: keep_years,
      retention_one_per_day: one_per_day,
    },
  }
}

/** The first line that is no pattern, counted from 1, and why. */
export function excludeProblem(text: string): { line: number; text: string } | null {
  for (const [index, pattern] of text.split(/\r?\n/).entries()) {
    if (pattern.trim() === '') continue
    const why =
      pattern.length > longestPattern ? words.archive.errors.patternLength(longestPattern) : patternProblem(pattern)
    if (why !== null) return { line: index + 1, text: why }
  }
  return null
}

function missingIn({ rhythm, time: given }: ScheduleChoice): string {
  const { time, minute, weekdays, day, cron } = words.schedule.errors
  if (given === '' && rhythm !== 'hours' && rhythm !== 'custom') return time
  return { hours: minute, daily: time, weekly: weekdays, monthly: day, custom: cron }[rhythm]
}

function isWhole(number: number | null | undefined, from: number, to: number): number is number {
  return typeof number === 'number' && Number.isInteger(number) && number >= from && number <= to
}

function seconds(number: number | null | undefined, each: number): number {
  return Math.round((number ?? NaN) * each)
}

export function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return text !== ''
  } catch {
    return false
  }
}

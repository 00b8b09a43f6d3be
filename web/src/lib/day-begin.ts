// Days as people write them, and the moments at which they begin somewhere.
import { offsetAt } from 'db/domain/local-time'

/** When this day ("2026-11-23") begins in the time zone, ISO 8601; `later` days after it. Undefined for what is no day. */
export function beginOf(day: string, timeZone: string, later = 0): string | undefined {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day)
  if (!found) return undefined
  const [year, month, date] = found.slice(1).map(Number) as [number, number, number]
  const wall = Date.UTC(year, month - 1, date + later)
  if (new Date(Date.UTC(year, month - 1, date)).getUTCDate() !== date) return undefined
  // the offset of a moment nearby may be another one, where clocks change on that very day
  const guess = wall - offsetAt(wall, timeZone)
  return new Date(wall - offsetAt(guess, timeZone)).toISOString()
}

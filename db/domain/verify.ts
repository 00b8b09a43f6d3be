// Which backups are read back today, so that a disk that rots is noticed within a month.

export interface VerifiedBackup {
  id: number
  /** When every byte of it was last read back. */
  verified_at: Date
  size_bytes: number
}

const dayLong = 86_400_000
/** All are through in so many days, which leaves some for a server that was off. */
const daysForAll = 25
/** Older than this: read today, however many there are. */
const overdueDays = 28
/** Newer than this: not worth reading again. */
const restDays = 2

/**
 * Of the backups of one host, those to read back today, the longest unread first. Called once a day, it reaches each
 * within 28 days. What counts is each one's share of all bytes and of all backups, so that neither many small ones nor
 * a few large ones come on the same day.
 */
export function chooseToVerify(backups: readonly VerifiedBackup[], now: Date): number[] {
  const age = ({ verified_at }: VerifiedBackup) => (now.getTime() - verified_at.getTime()) / dayLong
  const bytes = backups.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  const share = ({ size_bytes }: VerifiedBackup) => 1 / backups.length + (bytes > 0 ? size_bytes / bytes : 0)
  const all = backups.reduce((sum, backup) => sum + share(backup), 0)
  let left = all / daysForAll
  const chosen: number[] = []
  for (const backup of backups.toSorted((a, b) => a.verified_at.getTime() - b.verified_at.getTime() || a.id - b.id)) {
    if (age(backup) < restDays || (left <= 0 && age(backup) < overdueDays)) break
    chosen.push(backup.id)
    left -= share(backup)
  }
  return chosen
}

/** Every day at the hour of the cleanup, which is one when nobody minds a busy disk. */
export function verifySchedule(cleanupCron: string): string {
  const [minute, hour] = cleanupCron.trim().split(/\s+/)
  return /^\d+$/.test(minute ?? '') && /^\d+$/.test(hour ?? '') ? `${minute} ${hour} * * *` : '30 2 * * *'
}

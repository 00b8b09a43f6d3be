// When what is in the trash is deleted for good.
import { nextRuns } from './schedule.ts'
import type { Settings } from './settings.ts'

/** The first cleanup after its days in the trash; null: none empties it, or it is pinned. */
export function trashEnd(
  backup: { trashed_at: Date | null; pinned: boolean },
  { enabled, dry_run, tasks, cron, time_zone, trash_days }: Settings['cleanup'],
  defaults: { timeZone: string; now: Date },
): Date | null {
  if (backup.trashed_at === null || backup.pinned) return null
  if (!enabled || dry_run || !tasks.includes('expired_trash')) return null
  const due = backup.trashed_at.getTime() + trash_days * 86_400_000
  const after = new Date(Math.max(due, defaults.now.getTime()))
  return nextRuns(cron, { timeZone: time_zone || defaults.timeZone, after, count: 1 })[0] ?? null
}

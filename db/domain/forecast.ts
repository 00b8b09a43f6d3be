// When retention will remove a backup, if its archive goes on making good ones by its schedule.
import { decideRetention, type RetentionBackup, type RetentionPolicy } from './retention.ts'
import { nextRuns } from './schedule.ts'

const hour = 3_600_000
/** Of a schedule that runs more often one backup a day is enough to tell the day. */
const apart = 20 * hour
/** Runs looked at, since each takes about a millisecond: eight months of daily ones. What stays longer has no date worth telling. */
const farthest = 256

/**
 * The run that removes it, about: at most half of a stack goes at once, and runs may fail or be missed. Null: no run in
 * reach does, because it is pinned, or none of those to come displaces it.
 */
export function whenItGoes(
  backup: RetentionBackup,
  backups: readonly RetentionBackup[],
  policy: RetentionPolicy,
  schedule: { cron: string; timeZone: string; now: Date },
): Date | null {
  const { cron, timeZone, now } = schedule
  const runs: Date[] = []
  const staysAfter = (count: number) => {
    const made = runs.slice(0, count).map((created_at, at): RetentionBackup => ({
      id: -1 - at,
      created_at,
      state: 'good',
      pinned: false,
    }))
    return decideRetention([...backups, ...made], policy, timeZone).some(({ id, keep }) => id === backup.id && keep)
  }
  const reach = (count: number) => {
    while (runs.length < count) {
      const after = new Date((runs.at(-1)?.getTime() ?? now.getTime() - apart) + apart)
      const [next] = nextRuns(cron, { timeZone, after, count: 1 })
      if (!next) return
      runs.push(next)
    }
  }

  reach(1)
  if (!staysAfter(0)) return runs[0] ?? null
  // good ones to come displace good ones alone
  if (backup.pinned || backup.state !== 'good') return null
  let stays = 0
  let gone = 0
  for (let count = 8; gone === 0; count *= 2) {
    reach(count)
    if (!staysAfter(runs.length)) gone = runs.length
    else if (count >= farthest || runs.length < count) return null
    else stays = runs.length
  }
  // what has gone does not come back, so the first run without it can be found by halving
  while (gone - stays > 1) {
    const middle = Math.floor((stays + gone) / 2)
    if (staysAfter(middle)) stays = middle
    else gone = middle
  }
  return runs[gone - 1] ?? null
}

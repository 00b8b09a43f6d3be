// Why a backup stays, and what will become of it: what its page says about retention.
import type { Backup, BackupFacts } from './rows.ts'
import { words } from './words.ts'

type Retention = BackupFacts['retention']

/** The reasons it stays, in words; empty when nothing keeps it. */
export function reasonsOf({ pinned, state }: Pick<Backup, 'pinned' | 'state'>, retention: Retention): string[] {
  if (!pinned && !retention?.keep) return []
  const { stay } = words.backup
  return [
    ...(pinned ? [stay.pinned] : []),
    ...(retention?.newest_good ? [stay.newest] : []),
    ...(retention?.places ?? []).map(({ rule, nth, of, oldest }) => stay.place(rule, nth, of, oldest)),
    ...(state === 'incomplete' || state === 'corrupt' ? [stay.among[state]] : []),
  ]
}

export type Fate =
  | { kind: 'deleted' | 'trash' | 'pinned' | 'waits' | 'unscheduled' | 'next' | 'long' | 'alike' | 'nobody' }
  | { kind: 'date'; at: string }

/** When it goes, or why nothing can be said about it. */
export function fateOf(
  { pinned, state, trashed_at }: Pick<Backup, 'pinned' | 'state' | 'trashed_at'>,
  retention: Retention,
): Fate {
  if (state === 'deleted') return { kind: 'deleted' }
  if (trashed_at !== null) return { kind: 'trash' }
  if (pinned) return { kind: 'pinned' }
  if (retention === null) return { kind: 'nobody' }
  if (retention.waits !== '') return { kind: 'waits' }
  if (retention.goes_at !== null) return { kind: 'date', at: retention.goes_at }
  if (!retention.keep) return { kind: 'next' }
  // good ones to come displace good ones alone
  if (state !== 'good') return { kind: 'alike' }
  return { kind: retention.scheduled ? 'long' : 'unscheduled' }
}

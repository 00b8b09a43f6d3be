// What may be done with the backups somebody has chosen in a list, or with the one whose page is open.
import type { Role } from 'db/domain/role'
import type { Backup } from './rows.ts'

export interface Possible {
  verify: boolean
  pin: boolean
  unpin: boolean
  download: boolean
  delete: boolean
  undelete: boolean
}

type Chosen = Pick<Backup, 'state' | 'pinned' | 'trashed_at'>

/** Only what would not be refused: all of a choice is done, or nothing. */
export function possibleWith(chosen: readonly Chosen[], may: (role: Role) => boolean): Possible {
  const some = chosen.length > 0
  const live = some && chosen.every(({ state, trashed_at }) => state !== 'deleted' && trashed_at === null)
  const whole = live && chosen.every(({ state }) => state !== 'corrupt')
  const pinned = chosen.filter(({ pinned }) => pinned).length
  const trashed = some && chosen.every(({ state, trashed_at }) => state !== 'deleted' && trashed_at !== null)
  return {
    verify: live && may('operator'),
    pin: live && pinned < chosen.length && may('operator'),
    unpin: live && pinned > 0 && may('operator'),
    download: whole && chosen.length === 1 && may('operator'),
    delete: live && pinned === 0 && may('admin'),
    undelete: trashed && may('admin'),
  }
}

/** What has to be typed before several are deleted; empty for one. */
export function nameToType(chosen: readonly Pick<Backup, 'archive_name'>[]): string {
  if (chosen.length < 2) return ''
  return [...new Set(chosen.map(({ archive_name }) => archive_name))].sort().join(', ')
}

export function bytesOf(chosen: readonly Pick<Backup, 'size_bytes'>[]): number {
  return chosen.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
}

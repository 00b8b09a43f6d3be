// What may be done to a user, and why not.
import type { User } from './rows.ts'
import { words } from './words.ts'

/** Why nobody may demote, lock out or delete this user; null when somebody may. */
export function lockedBecause(user: User, users: readonly User[], ownId: string | undefined): string | null {
  const mayConfigure = ({ role, banned }: User) => role === 'admin' && !banned
  if (mayConfigure(user) && users.filter(mayConfigure).length === 1) return words.users.lastAdmin
  return user.id === ownId ? words.users.self : null
}

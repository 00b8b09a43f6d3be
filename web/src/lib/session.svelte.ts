// Who is signed in, and what their role allows.
import { goto } from '$app/navigation'
import { loginFor } from './address.ts'
import type { Me, Role } from './rows.ts'

const ranks: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

class Session {
  me = $state.raw<Me | null>(null)

  get timeZone(): string {
    return this.me?.display.time_zone ?? 'UTC'
  }

  /** Whether the signed-in role is at least this one. */
  may(role: Role): boolean {
    return this.me !== null && ranks[this.me.user.role] >= ranks[role]
  }

  /** The server no longer knows this session: sign in again, then come back here. */
  async expire(): Promise<void> {
    if (this.me === null) return
    this.me = null
    await goto(loginFor(location.pathname + location.search))
  }
}

export const session = new Session()

// What is wrong with the first account, field by field, before the server is asked.
import { words } from './words.ts'

export interface SetupForm {
  username: string
  email: string
  password: string
  repeat: string
}

export const leastPassword = 8

export function errorsOf({ username, email, password, repeat }: SetupForm): Partial<SetupForm> {
  return {
    ...(!/^[A-Za-z0-9._-]{3,30}$/.test(username.trim()) && { username: words.setup.errors.username }),
    ...(!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email.trim()) && { email: words.setup.errors.email }),
    ...(password.length < leastPassword && { password: words.setup.errors.password(leastPassword) }),
    ...(repeat !== password && { repeat: words.setup.errors.repeat }),
  }
}

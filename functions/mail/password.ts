// The mail server's password: sealed in the settings, opened only to sign in.
import type { Settings } from 'db/domain/settings'
import { seal, unseal, WrongKey } from '../secrets.ts'
import { NotSent } from './sender.ts'

const purpose = 'smtp password'

export function sealPassword(secretKey: string, password: string): string {
  return password === '' ? '' : seal(secretKey, purpose, password)
}

/** Throws NotSent when SECRET_KEY is another than when it was stored. */
export function openPassword(
  secretKey: string,
  { smtp_password_encrypted }: Pick<Settings['notifications'], 'smtp_password_encrypted'>,
): string {
  if (smtp_password_encrypted === '') return ''
  try {
    return unseal(secretKey, purpose, smtp_password_encrypted)
  } catch (error) {
    if (!(error instanceof WrongKey)) throw error
    throw new NotSent(
      'The SMTP password cannot be read: SECRET_KEY has changed since it was stored. Enter the password again in Settings → Notifications',
      'server',
      error,
    )
  }
}

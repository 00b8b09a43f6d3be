// What the form of the mail server holds, and how it becomes the API's body.
import type { Settings, SettingsChanges } from './rows.ts'

type Notifications = Settings['notifications']

export interface NotificationForm extends Omit<
  Notifications,
  'smtp_port' | 'smtp_password_set' | 'reached_at' | 'default_recipients'
> {
  smtp_port: number | null
  /** Empty: the stored one stays. */
  smtp_password: string
  removePassword: boolean
  /** One address a line. */
  recipients: string
}

export function formOf(stored: Notifications): NotificationForm {
  const { smtp_password_set: _set, reached_at: _at, default_recipients, ...rest } = stored
  return { ...rest, smtp_password: '', removePassword: false, recipients: default_recipients.join('\n') }
}

export function bodyOf(form: NotificationForm): SettingsChanges['notifications'] {
  const { removePassword, recipients, smtp_password, smtp_port, ...rest } = form
  return {
    ...rest,
    // an empty field comes as no number, and the server says what it wants
    smtp_port: smtp_port as number,
    default_recipients: recipients.split(/[\s,;]+/).filter((address) => address !== ''),
    ...(removePassword ? { smtp_password: '' } : smtp_password !== '' && { smtp_password }),
  }
}

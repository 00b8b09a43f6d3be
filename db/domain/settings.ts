// What admins set for the whole installation, by section; a value that was never set has its default.
import { cleanupTasks, type CleanupTask } from './cleanup.ts'

export const settingsSections = ['general', 'notifications', 'security', 'cleanup'] as const
export type SettingsSection = (typeof settingsSections)[number]

export const smtpSecurities = ['starttls', 'tls', 'none'] as const

export interface Settings {
  general: {
    /** Schedules wait; what a person starts runs. */
    maintenance_mode: boolean
  }
  notifications: {
    smtp_server: string
    smtp_port: number
    smtp_user: string
    /** Encrypted with a key made from SECRET_KEY; never answered. */
    smtp_password_encrypted: string
    smtp_security: (typeof smtpSecurities)[number]
    /** false: any certificate will do, as of a mail server of one's own that signed it itself. */
    smtp_verify_certificate: boolean
    from: string
    /** In square brackets before each subject; empty for none. */
    subject_tag: string
    on_success: boolean
    on_error: boolean
    on_cleanup: boolean
    detail: 'full' | 'short'
    attach_log: boolean
    attach_log_on_failure_only: boolean
    /** Besides the users' own addresses. */
    default_recipients: string[]
    /** For links in mails where BASE_URL is not set: the address by which a person reached us when setting this. */
    reached_at: string
  }
  security: {
    always_pull: boolean
    /** Seconds without output; 0: none. */
    pull_inactivity_timeout: number
    output_permissions: boolean
  }
  cleanup: {
    enabled: boolean
    cron: string
    time_zone: string
    log_retention_days: number
    trash_days: number
    dry_run: boolean
    tasks: CleanupTask[]
  }
}

export const defaultSettings: Settings = {
  general: { maintenance_mode: false },
  notifications: {
    smtp_server: '',
    smtp_port: 587,
    smtp_user: '',
    smtp_password_encrypted: '',
    smtp_security: 'starttls',
    smtp_verify_certificate: true,
    from: '',
    subject_tag: 'Docker Archiver',
    on_success: true,
    on_error: true,
    on_cleanup: true,
    detail: 'full',
    attach_log: false,
    attach_log_on_failure_only: false,
    default_recipients: [],
    reached_at: '',
  },
  security: { always_pull: false, pull_inactivity_timeout: 300, output_permissions: false },
  cleanup: {
    enabled: true,
    cron: '30 2 * * *',
    time_zone: '',
    log_retention_days: 90,
    trash_days: 7,
    dry_run: false,
    tasks: [...cleanupTasks],
  },
}

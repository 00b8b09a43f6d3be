// The fields of the settings, each with what may stand in it and the words for what may not.
import { isIP } from 'node:net'
import { z } from '@hono/zod-openapi'
import { cleanupTasks } from 'db/domain/cleanup'
import { messageOf } from 'db/domain/errors'
import { parseSchedule } from 'db/domain/schedule'
import { smtpSecurities } from 'db/domain/settings'
import { isTimeZone } from '../config.ts'
import { text, time } from './definitions.ts'

const yesOrNo = z.boolean('must be true or false')

function wholeNumber(least: number, most: number, of = '') {
  return z
    .number(`must be a whole number${of}`)
    .int(`must be a whole number${of}`)
    .min(least, `must be ${least} or more`)
    .max(most, `must be ${most} or less`)
}

export const emailAddress = z
  .email('must be an e-mail address, such as ada@example.org')
  .max(254, 'must have at most 254 characters')

export const General = z
  .object({
    maintenance_mode: yesOrNo.openapi({ description: 'Schedules wait; what a person starts runs' }),
  })
  .openapi('GeneralSettings')

const server = text
  .trim()
  .max(253, 'must have at most 253 characters')
  .refine(
    (name) => /^[^\s/:@\\]*$/.test(name) || isIP(name) > 0,
    'must be the name or address of a mail server, such as smtp.example.org, without port and without smtp://',
  )

const sender = text
  .trim()
  .max(320, 'must have at most 320 characters')
  .refine(
    (from) => from === '' || isSender(from),
    'must be an e-mail address, or a name and one: Backups <backup@example.org>',
  )

function isSender(from: string): boolean {
  const [, address = from] = /^[^<>"\p{Cc}]*<([^<>]+)>$/u.exec(from) ?? []
  return z.email().safeParse(address).success
}

const notifications = {
  smtp_server: server.openapi({ description: 'Name or address; empty: nothing is mailed' }),
  smtp_port: wholeNumber(1, 65_535),
  smtp_user: text.max(320, 'must have at most 320 characters').openapi({ description: 'Empty: no sign-in' }),
  smtp_security: z.enum(smtpSecurities, `must be one of ${smtpSecurities.join(', ')}`).openapi({
    description:
      'starttls: encrypted or not at all, usually port 587; tls: from the first byte, usually 465; none: readable on its way',
  }),
  smtp_verify_certificate: yesOrNo.openapi({
    description: 'false: any certificate will do, as of a mail server of one’s own that signed it itself',
  }),
  from: sender.openapi({ description: 'Empty: `smtp_user`, where that is an address' }),
  subject_tag: text
    .trim()
    .max(60, 'must have at most 60 characters')
    .refine((tag) => !/\p{Cc}/u.test(tag), 'must be on one line')
    .openapi({ description: 'In square brackets before each subject; empty for none' }),
  on_success: yesOrNo,
  on_error: yesOrNo.openapi({
    description: 'Also of jobs that ended with warnings or were cancelled, and corrupt backups',
  }),
  on_cleanup: yesOrNo,
  detail: z.enum(['full', 'short'], 'must be full or short'),
  attach_log: yesOrNo,
  attach_log_on_failure_only: yesOrNo.openapi({ description: 'With `attach_log`: not when a job succeeded' }),
  default_recipients: z
    .array(emailAddress, 'must be a list of e-mail addresses')
    .max(50, 'must name at most 50 addresses')
    .openapi({ description: 'Besides the addresses of all users' }),
}

export const Notifications = z
  .object({
    ...notifications,
    smtp_password: text
      .max(1000, 'must have at most 1000 characters')
      .openapi({ description: 'Stored encrypted, never answered; empty removes it' }),
  })
  .openapi('NewNotificationSettings')

export const NotificationsAnswer = z
  .object({
    ...notifications,
    smtp_password_set: z.boolean(),
    reached_at: z.string().openapi({
      description: 'Where links in mails lead while BASE_URL is not set: where a person last changed these settings',
    }),
  })
  .openapi('NotificationSettings')

export const Security = z
  .object({
    always_pull: yesOrNo.openapi({ description: 'Images are pulled after each archive, before the stack starts' }),
    pull_inactivity_timeout: wholeNumber(0, 86_400, ' of seconds').openapi({
      description: 'Seconds without output after which pulling is given up; 0: none',
    }),
    output_permissions: yesOrNo.openapi({
      description: 'What is made gets mode 0644 (files) and 0755 (folders), but for what is inside folder backups',
    }),
  })
  .openapi('SecuritySettings')

const schedule = text
  .trim()
  .max(200, 'must have at most 200 characters')
  .superRefine((cron, context) => {
    try {
      parseSchedule(cron)
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) })
    }
  })

export const Cleanup = z
  .object({
    enabled: yesOrNo.openapi({ description: 'Runs by its schedule; by hand it always can' }),
    cron: schedule,
    time_zone: z
      .string()
      .refine(
        (zone) => zone === '' || isTimeZone(zone),
        'must be a time zone such as Europe/Berlin, or empty for that of the server',
      )
      .openapi({ description: 'Empty: that of the server (TZ)' }),
    log_retention_days: wholeNumber(1, 10_000, ' of days'),
    trash_days: wholeNumber(0, 365, ' of days').openapi({ description: 'Until what is in the trash is deleted' }),
    dry_run: yesOrNo.openapi({ description: 'The scheduled cleanup says what would go, and leaves it' }),
    tasks: z.array(
      z.enum(cleanupTasks, `must be some of ${cleanupTasks.join(', ')}`),
      `must be a list of some of ${cleanupTasks.join(', ')}`,
    ),
  })
  .openapi('CleanupSettings')

const addresses = z.array(z.string())

export const Mail = z
  .object({
    id: z.number().int(),
    kind: z.enum(['report', 'error', 'cleanup', 'link', 'corrupt', 'test']),
    job_id: z.number().int().nullable(),
    download_id: z.number().int().nullable(),
    recipients: addresses,
    sent_to: addresses,
    refused: addresses.openapi({ description: 'Mailboxes that the mail server does not know' }),
    state: z.enum(['queued', 'sent', 'failed']),
    attempts: z.number().int(),
    last_error: z.string(),
    response: z.string().openapi({ description: 'What the mail server answered last' }),
    created_at: time,
    sent_at: time.nullable(),
  })
  .openapi('Mail')

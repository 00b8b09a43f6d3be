// What admins set for the whole installation, by section. A password goes in and never comes out.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { defaultSettings, type Settings } from 'db/domain/settings'
import { startPermissions } from 'db/queries/cleanup'
import { listMails, retryMails } from 'db/queries/mails'
import { changeSettings, readSettings } from 'db/queries/settings'
import type { Context } from 'hono'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { sealPassword } from '../mail/password.ts'
import { NotSent } from '../mail/sender.ts'
import { sendTest } from '../mail/send-test.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid, problem } from '../problems.ts'
import { body, cursor, json, limit, page } from './definitions.ts'
import {
  Cleanup,
  emailAddress,
  General,
  Mail,
  Notifications,
  NotificationsAnswer,
  Security,
} from './settings-fields.ts'

const AllSettings = z
  .object({ general: General, notifications: NotificationsAnswer, security: Security, cleanup: Cleanup })
  .openapi('Settings')

const { smtp_password_encrypted: _, ...notifications } = defaultSettings.notifications
const example = {
  settings: {
    ...defaultSettings,
    notifications: {
      ...notifications,
      smtp_server: 'smtp.example.org',
      smtp_user: 'backup@example.org',
      smtp_password_set: true,
      from: 'Backups <backup@example.org>',
      default_recipients: ['ops@example.org'],
      reached_at: 'https://backup.example.org',
    },
  },
}

const exampleMail = {
  id: 31,
  kind: 'report',
  job_id: 123,
  download_id: null,
  recipients: ['ada@example.org'],
  sent_to: ['ada@example.org'],
  refused: [],
  state: 'sent',
  attempts: 1,
  last_error: '',
  response: '250 2.0.0 Ok: queued as 4F1B2',
  created_at: '2026-11-23T01:02:12.000Z',
  sent_at: '2026-11-23T01:02:13.000Z',
}

const tags = ['Settings']
const answer = json(z.object({ settings: AllSettings }), 'All settings', example)
const changed = json(z.object({ settings: AllSettings }), 'All settings, changed', example)

export function settings(server: Server) {
  const { sql, config } = server

  async function all() {
    const [general, sealed, security, cleanup] = await Promise.all([
      readSettings(sql, 'general'),
      readSettings(sql, 'notifications'),
      readSettings(sql, 'security'),
      readSettings(sql, 'cleanup'),
    ])
    const { smtp_password_encrypted, ...notifications } = sealed
    return {
      general,
      notifications: { ...notifications, smtp_password_set: smtp_password_encrypted !== '' },
      security,
      cleanup,
    }
  }

  async function change<Section extends keyof Settings>(
    c: Context<Env>,
    section: Section,
    changes: { [Name in keyof Settings[Section]]?: Settings[Section][Name] | undefined },
  ) {
    const given = Object.entries(changes).filter(([, value]) => value !== undefined)
    await sql.begin(async (sql) => {
      await changeSettings(sql, section, Object.fromEntries(given) as Partial<Settings[Section]>)
      const told = given.map(([name, value]) =>
        name === 'smtp_password_encrypted' ? ['smtp_password', '(changed)'] : [name, value],
      )
      await audit(sql, c, 'settings.change', 'settings', section, { changed: Object.fromEntries(told) })
    })
    return { settings: await all() }
  }

  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags,
        summary: 'All settings',
        description: 'By section. Of the password of the mail server only whether there is one.',
        responses: { 200: answer },
      }),
      async (c) => c.json({ settings: await all() }, 200),
    )
    .openapi(
      createRoute({
        method: 'patch',
        path: '/general',
        tags,
        summary: 'Change general settings',
        description: 'Changes the fields that are given. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { body: body(General.partial().strict().openapi('GeneralChanges'), { maintenance_mode: true }) },
        responses: { 200: changed },
      }),
      async (c) => c.json(await change(c, 'general', c.req.valid('json')), 200),
    )
    .openapi(
      createRoute({
        method: 'patch',
        path: '/notifications',
        tags,
        summary: 'Change how people are told',
        description:
          'Changes the fields that are given. `smtp_password` is stored encrypted and never answered; an empty one removes it. Mails that wait for their next try are tried at once. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: {
          body: body(Notifications.partial().strict().openapi('NotificationsChanges'), {
            smtp_server: 'smtp.example.org',
            smtp_user: 'backup@example.org',
            smtp_password: '…',
          }),
        },
        responses: { 200: changed },
      }),
      async (c) => {
        const { smtp_password, ...changes } = c.req.valid('json')
        // a page of ours, as the origin check has seen to: that is where people find us
        const origin = c.get('byToken') ? undefined : c.req.header('origin')
        const answer = await change(c, 'notifications', {
          ...changes,
          ...(smtp_password !== undefined && {
            smtp_password_encrypted: sealPassword(config.secretKey, smtp_password),
          }),
          ...(origin !== undefined && { reached_at: origin }),
        })
        await retryMails(sql)
        return c.json(answer, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'patch',
        path: '/security',
        tags,
        summary: 'Change how stacks and files are treated',
        description:
          'Changes the fields that are given; jobs that start from now on keep to them. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { body: body(Security.partial().strict().openapi('SecurityChanges'), { always_pull: true }) },
        responses: { 200: changed },
      }),
      async (c) => c.json(await change(c, 'security', c.req.valid('json')), 200),
    )
    .openapi(
      createRoute({
        method: 'patch',
        path: '/cleanup',
        tags,
        summary: 'Change the cleanup',
        description: 'Changes the fields that are given. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { body: body(Cleanup.partial().strict().openapi('CleanupChanges'), { log_retention_days: 30 }) },
        responses: { 200: changed },
      }),
      async (c) => c.json(await change(c, 'cleanup', c.req.valid('json')), 200),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/notifications/test',
        tags,
        summary: 'Send a test notification',
        description:
          'Sends one mail with the settings as they are stored, and answers what the mail server said. 502 with its answer when it did not take the mail; 422 when no server is set. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: {
          body: body(
            z
              .strictObject({
                to: emailAddress.optional().openapi({ description: 'Usually the address of whoever asks' }),
              })
              .openapi('TestNotification'),
            { to: 'ada@example.org' },
          ),
        },
        responses: {
          200: json(z.object({ to: z.string(), response: z.string() }), 'What the mail server answered', {
            to: 'ada@example.org',
            response: '250 2.0.0 Ok: queued as 4F1B2',
          }),
        },
      }),
      async (c) => {
        const to = c.req.valid('json').to ?? c.get('user').email
        try {
          const response = await sendTest(sql, config, to)
          await audit(sql, c, 'settings.test', 'settings', 'notifications', { to, response })
          return c.json({ to, response }, 200)
        } catch (error) {
          if (!(error instanceof NotSent)) throw error
          await audit(sql, c, 'settings.test', 'settings', 'notifications', { to, error: error.message })
          return problem(c, 502, { detail: error.message }) as never
        }
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/mails',
        tags,
        summary: 'Mails that were sent, or not',
        description:
          'Newest first: to whom, what the mail server answered, and why one was not sent. `queued` ones are tried again for about a day. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { query: z.object({ limit: limit(50, 200), cursor }) },
        responses: {
          200: json(z.object({ mails: z.array(Mail), next_cursor: z.string().nullable() }), 'Mails', {
            mails: [exampleMail],
            next_cursor: null,
          }),
        },
      }),
      async (c) => {
        const { limit, cursor } = c.req.valid('query')
        const { rows, next_cursor } = page(await listMails(sql, { before: cursor, limit: limit + 1 }), limit)
        return c.json({ mails: rows, next_cursor }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/security/permissions',
        tags,
        summary: 'Check or fix permissions',
        description:
          'Starts a job that looks at every backup on every host: files should be 0644, folders 0755, nothing inside folder backups. It changes them when `fix` is true, else says what is otherwise. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: {
          body: body(z.strictObject({ fix: z.boolean('must be true or false') }).openapi('Permissions'), {
            fix: false,
          }),
        },
        responses: { 202: json(z.object({ job_id: z.number().int() }), 'The job that was started', { job_id: 125 }) },
      }),
      async (c) => {
        const { fix } = c.req.valid('json')
        const job_id = await startPermissions(sql, c.get('byToken') ? 'api' : 'manual', fix)
        await audit(sql, c, 'settings.permissions', 'job', job_id, { fix })
        return c.json({ job_id }, 202)
      },
    )
}

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startMailServer } from '../testing/mail-server.ts'
import { expectProblem } from '../testing/problems.ts'
import { startOn, startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
})

afterAll(() => server.stop())

const patch = (section: string, body: unknown) => server.ask('admin', 'PATCH', `/api/settings/${section}`, body)

test('everybody may read them; nothing that was never set is missing', async () => {
  const { status, body } = await server.ask('viewer', 'GET', '/api/settings')
  expect(status).toBe(200)
  expect(body.settings).toMatchObject({
    general: { maintenance_mode: false },
    notifications: { smtp_server: '', smtp_port: 587, smtp_security: 'starttls', smtp_password_set: false },
    security: { always_pull: false, pull_inactivity_timeout: 300, output_permissions: false },
    cleanup: { enabled: true, cron: '30 2 * * *', log_retention_days: 90 },
  })
})

describe('changing', () => {
  test.each([
    ['general', { maintenance_mode: true }],
    ['notifications', { smtp_server: 'smtp.example.org', smtp_security: 'tls', smtp_port: 465, on_success: false }],
    [
      'notifications',
      { from: 'Backups <backup@example.org>', subject_tag: '', default_recipients: ['ops@example.org'] },
    ],
    ['security', { always_pull: true, pull_inactivity_timeout: 0 }],
    ['cleanup', { cron: '@weekly', time_zone: 'Europe/Berlin', tasks: ['old_logs'], trash_days: 0 }],
  ])('%s: %j', async (section, changes) => {
    const before = (await server.ask('viewer', 'GET', '/api/settings')).body.settings
    const { status, body } = await patch(section, changes)
    expect(status, JSON.stringify(body)).toBe(200)
    const reached = section === 'notifications' ? { reached_at: server.url } : {}
    expect(body.settings).toEqual({ ...before, [section]: { ...before[section], ...reached, ...changes } })
    expect((await server.ask('viewer', 'GET', '/api/settings')).body).toEqual(body)
  })

  test.each([
    ['general', { maintenance_mode: 'yes' }, 'maintenance_mode'],
    ['general', { theme: 'dark' }, 'theme'],
    ['notifications', { smtp_server: 'smtp://mail.example.org' }, 'smtp_server'],
    ['notifications', { smtp_server: 'mail.example.org:25' }, 'smtp_server'],
    ['notifications', { smtp_port: 0 }, 'smtp_port'],
    ['notifications', { smtp_port: 70_000 }, 'smtp_port'],
    ['notifications', { smtp_security: 'ssl' }, 'smtp_security'],
    ['notifications', { from: 'nobody' }, 'from'],
    ['notifications', { from: 'a@example.org\r\nBcc: b@example.org' }, 'from'],
    ['notifications', { subject_tag: 'one\ntwo' }, 'subject_tag'],
    ['notifications', { detail: 'long' }, 'detail'],
    ['notifications', { default_recipients: ['ops'] }, 'default_recipients.0'],
    ['notifications', { smtp_password_encrypted: 'x' }, 'smtp_password_encrypted'],
    ['notifications', { reached_at: 'https://evil.example.org' }, 'reached_at'],
    ['security', { pull_inactivity_timeout: -1 }, 'pull_inactivity_timeout'],
    ['cleanup', { cron: '30 2 * *' }, 'cron'],
    ['cleanup', { cron: '0 0 30 2 *' }, 'cron'],
    ['cleanup', { time_zone: 'Mars/Olympus' }, 'time_zone'],
    ['cleanup', { log_retention_days: 0 }, 'log_retention_days'],
    ['cleanup', { tasks: ['everything'] }, 'tasks.0'],
  ])('%s: %j is refused at its field', async (section, changes, field) => {
    const before = (await server.ask('viewer', 'GET', '/api/settings')).body
    const answer = await patch(section, changes)
    expectProblem(answer, 422)
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field)
    expect((await server.ask('viewer', 'GET', '/api/settings')).body).toEqual(before)
  })

  test('is for admins', async () => {
    for (const actor of ['viewer', 'operator', 'operator token'] as const) {
      for (const section of ['general', 'notifications', 'security', 'cleanup'])
        expectProblem(await server.ask(actor, 'PATCH', `/api/settings/${section}`, {}), 403)
      expectProblem(await server.ask(actor, 'POST', '/api/settings/notifications/test', {}), 403)
      expectProblem(await server.ask(actor, 'GET', '/api/settings/mails'), 403)
      expectProblem(await server.ask(actor, 'POST', '/api/settings/security/permissions', { fix: true }), 403)
    }
    expectProblem(await patch('colours', {}), 404)
  })

  test('by a token does not move where links lead', async () => {
    await patch('notifications', {})
    await server.ask(
      'admin token',
      'PATCH',
      '/api/settings/notifications',
      {},
      { origin: 'https://elsewhere.example.org' },
    )
    const { body } = await server.ask('viewer', 'GET', '/api/settings')
    expect(body.settings.notifications.reached_at).toBe(server.url)
  })

  test('is written down, without the password', async () => {
    await patch('notifications', { smtp_password: 'secret-of-the-audit', smtp_user: 'ada' })
    const [entry] = await server.database
      .sql`select * from archiver.audit_log where action = 'settings.change' order by id desc limit 1`
    expect(entry).toMatchObject({
      user_name: 'admin',
      resource_id: 'notifications',
      detail: { changed: { smtp_user: 'ada', smtp_password: '(changed)' } },
    })
    expect(JSON.stringify(entry)).not.toContain('secret-of-the-audit')
    await patch('notifications', { smtp_password: '', smtp_user: '' })
  })
})

describe('the password of the mail server', () => {
  const password = 'a pässword nobody may see'

  test('goes in and never comes out, nor into the database or the log as it is', async () => {
    const changed = await patch('notifications', { smtp_password: password })
    expect(changed.body.settings.notifications).toMatchObject({ smtp_password_set: true })
    const read = await server.ask('admin', 'GET', '/api/settings')
    const [stored] = await server.database.sql`select value from archiver.settings where section = 'notifications'`
    for (const text of [changed.body, read.body, stored, server.logged()].map((value) => JSON.stringify(value))) {
      expect(text).not.toContain(password)
    }
    expect(JSON.stringify([changed.body, read.body])).not.toContain('smtp_password_encrypted')
    await patch('notifications', { smtp_port: 25 })
    expect((await server.ask('admin', 'GET', '/api/settings')).body.settings.notifications.smtp_password_set).toBe(true)
    const cleared = await patch('notifications', { smtp_password: '' })
    expect(cleared.body.settings.notifications.smtp_password_set).toBe(false)
  })

  test('of another SECRET_KEY is an error in words', async () => {
    await using mail = await startMailServer()
    await patch('notifications', {
      smtp_server: '127.0.0.1',
      smtp_port: mail.port,
      smtp_security: 'none',
      smtp_password: password,
    })
    const second = await startOn(server.database.url, { SECRET_KEY: 'a new secret of the tests, 32 letters or more' })
    const response = await fetch(`${second.url}/api/settings/notifications/test`, {
      method: 'POST',
      headers: { ...server.headersOf('admin token'), 'content-type': 'application/json' },
      body: '{}',
    })
    expect(response.status).toBe(502)
    expect(((await response.json()) as { detail: string }).detail).toMatch(
      /SECRET_KEY has changed since it was stored. Enter/,
    )
    expect(second.logged()).not.toContain(password)
    await second.stop()
    await patch('notifications', { smtp_password: '' })
  })
})

describe('the test notification', () => {
  const ask = (body: unknown = {}) => server.ask('admin', 'POST', '/api/settings/notifications/test', body)

  test('Not again: a test that succeeds without a server', async () => {
    await patch('notifications', { smtp_server: '' })
    const without = await ask()
    expectProblem(without, 422, /No mail server is set/)
    expect(without.body.errors).toMatchObject([{ field: 'smtp_server' }])

    const dead = await startMailServer()
    await dead.close()
    await patch('notifications', { smtp_server: '127.0.0.1', smtp_port: dead.port, smtp_security: 'none' })
    expectProblem(await ask(), 502, /Nothing listens at 127.0.0.1/)
  })

  test('tells what the server said', async () => {
    const account = { user: 'backup', password: 'p' }
    await using mail = await startMailServer({
      account,
      refuse: (to) => (to.startsWith('no') ? '550 5.1.1 no such user' : undefined),
    })
    await patch('notifications', {
      smtp_server: '127.0.0.1',
      smtp_port: mail.port,
      smtp_security: 'none',
      smtp_user: 'backup',
      smtp_password: 'wrong',
      from: 'backup@example.org',
      subject_tag: 'Home',
    })
    expectProblem(await ask(), 502, /refused the user name or password: 535 5.7.8/)
    await patch('notifications', { smtp_password: 'p' })
    expectProblem(await ask({ to: 'nobody@example.org' }), 502, /550 5.1.1 no such user/)
    expectProblem(await ask({ to: 'nobody' }), 422, /e-mail/)
    expect((await ask()).body).toEqual({
      to: 'admin@example.org',
      response: '250 Ok: taken by the mail server of the tests',
    })
    expect(mail.received).toMatchObject([
      {
        subject: '[Home] Test notification',
        recipients: ['admin@example.org'],
        text: expect.stringContaining(server.url),
      },
    ])

    const { body } = await server.ask('admin', 'GET', '/api/settings/mails?limit=3')
    expect(body.mails).toMatchObject([
      { kind: 'test', state: 'sent', sent_to: ['admin@example.org'], response: expect.stringMatching(/^250/) },
      { kind: 'test', state: 'failed', last_error: expect.stringContaining('550 5.1.1') },
      { kind: 'test', state: 'failed', last_error: expect.stringContaining('535 5.7.8') },
    ])
    const next = await server.ask('admin', 'GET', `/api/settings/mails?limit=3&cursor=${body.next_cursor}`)
    expect(next.body.mails[0].id).toBeLessThan(body.mails[2].id)
  })
})

test('checking the permissions starts a job', async () => {
  const { status, body } = await server.ask('admin', 'POST', '/api/settings/security/permissions', { fix: false })
  expect(status).toBe(202)
  expect((await server.ask('viewer', 'GET', `/api/jobs/${body.job_id}`)).body.job).toMatchObject({
    job_type: 'cleanup',
    is_dry_run: true,
  })
})

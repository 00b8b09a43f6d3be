// Notifications as people get them: a real mail server takes what a real job had to tell, and the tests read it.
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Backup } from 'db/queries/backups'
import type { Mail } from 'db/queries/mails'
import {
  makeCertificate,
  startMailServer,
  startMuteServer,
  type MailServer,
  type ReceivedMail,
} from '../../functions/testing/mail-server.ts'
import { api } from '../testbed/api.ts'
import { docker } from '../testbed/docker.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { startServer } from '../testbed/processes.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { composeUp, makeStack, type TestStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

// whose registry does not answer
const image = `127.0.0.1:1/${uniqueName('told')}`
const composeYaml = `
services:
  web:
    image: ${image}
    command: ["sleep", "1000000"]
    stop_grace_period: 0s
    volumes: ["/usr/share/misc:/elsewhere:ro"]
`
const password = 'the pässword of the mail server'
const account = { user: 'backup@example.org', password }

const undo = new AsyncDisposableStack()
let stack: TestStack
let house: House
let mail: MailServer
let archive: number

beforeAll(async () => {
  await docker('tag', 'archiver-test/busybox', image)
  undo.defer(async () => void (await docker('rmi', image)))
  stack = undo.use(await makeStack({ name: uniqueName('told'), composeYaml, files: { 'page.html': '<h1>Hello</h1>' } }))
  await composeUp(stack.folder)
  house = undo.use(await makeHouse({ stacksDirs: [stack.parent] }))
  await house.startAgent()
  mail = undo.use(await startMailServer({ security: 'starttls', account, certificate: makeCertificate() }))
  // markup in a name is what a mail must show, not obey
  archive = await house.makeArchive('night & <b>day</b>', [await house.findStack(stack.folder)])
})

afterAll(() => undo.disposeAsync())

beforeEach(async () => {
  mail.received.length = 0
  await notify({ ...usual(), ...quiet })
})

/** Nothing attached, everything told, at length. */
const quiet = {
  on_success: true,
  on_error: true,
  on_cleanup: true,
  detail: 'full',
  attach_log: false,
  attach_log_on_failure_only: false,
  subject_tag: 'Docker Archiver',
  default_recipients: [],
}

function usual() {
  return {
    smtp_server: '127.0.0.1',
    smtp_port: mail.port,
    smtp_user: account.user,
    smtp_password: password,
    smtp_security: 'starttls',
    smtp_verify_certificate: false,
    from: 'Backups <backup@example.org>',
  }
}

async function notify(settings: Record<string, unknown>): Promise<void> {
  const { status, body } = await house.api.patch('/api/settings/notifications', settings)
  expect(status, JSON.stringify(body)).toBe(200)
}

const arrived = (server: MailServer = mail) => until('a mail to arrive', () => server.received.at(0))

const mails = async () => (await house.api.get<{ mails: Mail[] }>('/api/settings/mails')).body.mails

/** The mail's HTML with its tags taken out, as a person reads it. */
const readable = ({ html }: ReceivedMail) => String(html).replaceAll(/<[^>]+>/g, ' ')

test('Notifications: server, port, user, password (encrypted at rest), from, STARTTLS, implicit TLS, none; Send test notification that reports the server’s real answer', async () => {
  const sent = await house.api.post<{ response: string }>('/api/settings/notifications/test', { to: 'ada@example.org' })
  expect(sent).toEqual({
    status: 200,
    body: { to: 'ada@example.org', response: '250 Ok: taken by the mail server of the tests' },
  })
  expect(mail.received).toMatchObject([{ encrypted: true, signedInAs: account.user, recipients: ['ada@example.org'] }])
  expect(mail.received[0]?.from?.value).toEqual([{ name: 'Backups', address: 'backup@example.org' }])

  const refused = async (settings: Record<string, unknown>) => {
    await notify(settings)
    const { status, body } = await house.api.post<{ detail: string }>('/api/settings/notifications/test', {})
    expect(status).toBe(502)
    return body.detail
  }
  expect(await refused({ smtp_password: 'wrong' })).toMatch(/535 5.7.8 Authentication credentials invalid/)
  expect(await refused({ smtp_password: password, smtp_verify_certificate: true })).toMatch(/is not trusted/)
  expect(await refused({ smtp_verify_certificate: false, smtp_security: 'tls' })).toMatch(/choose STARTTLS/)
  expect(mail.received).toHaveLength(1)

  for (const security of ['tls', 'none'] as const) {
    await using other = await startMailServer({ security, certificate: makeCertificate() })
    await notify({ smtp_port: other.port, smtp_security: security, smtp_user: '' })
    expect((await house.api.post('/api/settings/notifications/test', {})).status).toBe(200)
    expect(other.received).toMatchObject([{ encrypted: security === 'tls' }])
  }

  const [stored] = await house.database.sql`select value from archiver.settings where section = 'notifications'`
  expect(stored?.value.smtp_password_encrypted).toMatch(/^v1\./)
  const { body } = await house.api.get('/api/settings')
  for (const text of [JSON.stringify([stored, body]), house.server.logs()]) expect(text).not.toContain(password)
})

test('Not again: a test that succeeds without a server', async () => {
  await notify({ smtp_server: '' })
  expect((await house.api.post('/api/settings/notifications/test', {})).status).toBe(422)
  const dead = await startMailServer()
  await dead.close()
  await notify({ smtp_server: '127.0.0.1', smtp_port: dead.port })
  const answer = await house.api.post<{ detail: string }>('/api/settings/notifications/test', {})
  expect(answer.status).toBe(502)
  expect(answer.body.detail).toMatch(/Nothing listens/)
})

test('Notifications: report with stacks, size, duration, downtime, backups, disk usage, retention, details, what is not covered, and a link to the job that opens it', async () => {
  await notify({ default_recipients: ['ops@example.org'], subject_tag: 'Home' })
  const { job, stack: done, log } = await house.ended(await house.run(archive))
  const { text = '', subject, ...report } = await arrived()
  expect(job.status, log).toBe('success')
  expect(subject).toBe('[Home] Archive night & <b>day</b> succeeded: 1 of 1 stack')
  for (const fact of [
    /Stacks: +1 of 1 archived/,
    /Size: +[\d.]+ (bytes|KiB)/,
    /Duration: +[\d.]+ s/,
    /Downtime: +[\d.]+ s/,
    /Freed by retention: +0 bytes/,
    new RegExp(`${stack.name} +${house.host.name} +[\\d.]+ \\w+ +\\d+ +[\\d.]+ s +${done.archive_path}`),
    new RegExp(`${house.host.name} +[\\d.]+ \\w+ \\(\\d+ %\\) +[\\d.]+ \\w+`),
    /not in the backup:\n\n- .*\/usr\/share\/misc/,
  ])
    expect(text).toMatch(fact)

  const [link = ''] = /http:\/\/\S+\/history\/\d+/.exec(text) ?? []
  expect(link).toBe(`http://localhost:${new URL(house.server.url).port}/history/${job.id}`)
  expect(report.html).toContain(`<a href="${link}">`)
  const page = await fetch(link)
  expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/html/)])

  await until('both to be told', () => mail.received.length === 2)
  expect(mail.received.map(({ recipients }) => recipients)).toEqual([['admin@example.org'], ['ops@example.org']])
  expect(mail.received[0]?.raw).not.toContain('ops@')
  await until('it to be known as sent', async () => (await mails())[0]?.state === 'sent')
  expect((await mails())[0]).toMatchObject({ kind: 'report', job_id: job.id, attempts: 1 })
})

test('Not again: unescaped HTML', async () => {
  await house.ended(await house.run(archive))
  const report = await arrived()
  expect(report.html).toContain('night &amp; &lt;b&gt;day&lt;/b&gt;')
  expect(report.html).not.toContain('<b>')
})

test('Notifications: report with pull output (escaped)', async () => {
  await house.api.patch('/api/settings/security', { always_pull: true })
  const { job, stack: done } = await house.ended(await house.run(archive))
  await house.api.patch('/api/settings/security', { always_pull: false })
  expect(job.status).toBe('warning')
  const report = await arrived()
  expect(report.subject).toMatch(/ended with warnings/)
  expect(report.text).toContain('Pulling images: failed')
  const line = done.pull?.lines.find((line) => line.includes('"')) ?? ''
  expect(line, 'Docker quotes the address').not.toBe('')
  expect(report.text).toContain(line)
  expect(report.html).not.toContain(line)
  expect(report.html).toContain(line.replaceAll('"', '&quot;'))
})

test('Notifications: Full (HTML tables) or Short; attach full log, attach on failure only; on success, on error', async () => {
  await notify({ detail: 'short', attach_log: true, attach_log_on_failure_only: true })
  await house.ended(await house.run(archive))
  const short = await arrived()
  expect(short.html).not.toContain('<table')
  expect(short.text?.split('\n').filter((line) => line !== '').length).toBeLessThan(6)
  expect(short.attachments).toEqual([])
  mail.received.length = 0

  await notify({ detail: 'full', on_success: false })
  await house.ended(await house.run(archive))
  const gone = await failingArchive()
  const { job } = await house.ended(await house.run(gone))
  expect(job.status).toBe('failed')
  const error = await arrived()
  expect(error.subject).toMatch(/Archive gone failed: 0 of 1 stack/)
  expect(error.html).toContain('<table')
  expect(error.text).toContain('no compose file has been seen')
  expect(error.attachments).toMatchObject([{ filename: `job-${job.id}-log.txt`, contentType: 'text/plain' }])
  expect(mail.received, 'the one that succeeded is not told').toHaveLength(1)
})

test('Not again: the log inlined and attached; mail sent before its contents are ready', async () => {
  await notify({ attach_log: true })
  const { job, log } = await house.ended(await house.run(archive))
  const report = await arrived()
  expect(report.attachments.map(({ filename }) => filename)).toEqual([`job-${job.id}-log.txt`])
  const attached = report.attachments[0]?.content.toString() ?? ''
  expect(attached, 'the whole log, to its last line').toBe(log)
  expect(attached).toMatch(/the job has ended: success\n$/)
  for (const line of log.split('\n').filter((line) => line.includes('Stopped'))) {
    expect(report.text).not.toContain(line)
    expect(readable(report)).not.toContain(line)
  }
})

test('Not again: a slow mail server holding up a job', async () => {
  await using mute = await startMuteServer()
  await notify({ smtp_port: mute.port, smtp_security: 'none' })
  const first = await house.ended(await house.run(archive))
  await until('the mail server to be asked', () => mute.connections > 0)
  const second = await house.ended(await house.run(archive))
  expect([first.job.status, second.job.status]).toEqual(['success', 'success'])
  const both = async () => (await mails()).filter(({ job_id }) => [first.job.id, second.job.id].includes(job_id ?? 0))
  await until('both reports to wait', async () => (await both()).length === 2)
  expect(await both()).toMatchObject([{ sent_to: [] }, { sent_to: [] }])
  await notify(usual())
  await until('both reports to come later', () => mail.received.length === 2)
  await until('both to be known as sent', async () => (await both()).every(({ state }) => state === 'sent'))
})

test('Notifications: error, cleanup and link mails, and one of corrupt backups', async () => {
  await notify({ on_success: false })
  const { job } = await house.ended(await house.run(archive))
  const { body } = await house.api.get<{ backups: Backup[] }>(`/api/backups?job_id=${job.id}`)
  const backup = body.backups[0]
  if (!backup) throw new Error('There is no backup')

  const link = await house.api.post<{ id: number }>('/api/downloads/request', { backup_id: backup.id })
  await house.api.post(`/api/downloads/${link.body.id}/send`, { emails: ['guest@example.org'] })
  const invitation = await arrived()
  expect(invitation.recipients).toEqual(['guest@example.org'])
  const [url = ''] = /http:\/\/\S+\/download\/[\w-]+/.exec(invitation.text ?? '') ?? []
  expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(backup.size_bytes)
  mail.received.length = 0

  const cleanup = await house.api.post<{ job_id: number }>('/api/cleanup/run', {
    dry_run: false,
    tasks: ['stale_partials'],
  })
  expect(cleanup.status, JSON.stringify(cleanup.body)).toBe(202)
  const report = await arrived()
  expect(report.subject).toMatch(/^\[Docker Archiver\] Cleanup succeeded/)
  expect(report.text).toContain(`/history/${cleanup.body.job_id}`)
  mail.received.length = 0

  await truncate(join(house.archivesDir, backup.path), 100)
  await house.api.post(`/api/backups/${backup.id}/verify`)
  const warning = await arrived()
  expect(warning.subject).toMatch(/1 backup cannot be restored from any more/)
  expect(warning.text).toContain(backup.path)
})

test('Notifications: a mail server that is dead, and a server restarted meanwhile: the report comes later, once', async () => {
  const dead = await startMailServer()
  await dead.close()
  await notify({ smtp_port: dead.port, smtp_security: 'none', smtp_user: '', smtp_password: '' })
  const { job } = await house.ended(await house.run(archive))
  await until('a try to fail', async () => (await mails())[0]?.last_error.includes('Nothing listens'))
  await house.server.stop()
  await using back = await startMailServer({ port: dead.port })
  await using second = await startServer({ databaseUrl: house.database.url, secretKey: house.server.secretKey })
  const report = await until('the report', () => back.received.at(0))
  expect(report.text).toContain(`/history/${job.id}`)
  const answer = await api(second.url, second.token).get<{ mails: Mail[] }>('/api/settings/mails')
  expect(answer.body.mails[0]).toMatchObject({ job_id: job.id, state: 'sent', last_error: '' })
  expect(back.received).toHaveLength(1)
})

/** Of a stack whose directory is not there any more. */
async function failingArchive(): Promise<number> {
  const [host] = await house.database.sql<[{ id: number }]>`select id from archiver.hosts limit 1`
  const [gone] = await house.database.sql<[{ id: number }]>`
    insert into archiver.stacks (host_id, path, name, folder, compose_file, project, kind, containers, mounts, own, gone_at)
    values (${host.id}, '/srv/gone', 'gone', 'gone', 'compose.yml', 'gone', 'nested', '[]', '[]', false, now()) returning id`
  const { body } = await house.api.post<{ archive: { id: number } }>('/api/archives', {
    name: 'gone',
    stack_ids: [gone.id],
  })
  return body.archive.id
}

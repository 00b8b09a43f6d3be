import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { connect } from 'db/connect'
import type { Settings } from 'db/domain/settings'
import { queueMail, rescueMails, listMails, retryMails, type Mail } from 'db/queries/mails'
import { changeSettings } from 'db/queries/settings'
import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { pino } from 'pino'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import type { MailConfig } from '../mail/compose.ts'
import { sealPassword } from '../mail/password.ts'
import { eventually } from '../testing/eventually.ts'
import { makeRoad } from '../testing/proxy.ts'
import { startMailServer, startMuteServer } from '../testing/mail-server.ts'
import { startMailWorker, startWorker } from '../worker.ts'
import { send_link } from './send_link.ts'
import { send_mail } from './send_mail.ts'
import { send_report } from './send_report.ts'

let database: TestDatabase
let job = 0

const config: MailConfig = {
  secretKey: 'a secret of the tests, 32 letters or more',
  baseUrl: 'https://backup.example.org',
  timeZone: 'UTC',
  port: 8080,
}

beforeEach(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  job = await endedJob()
})

afterEach(() => database.drop())

async function endedJob(status = 'success'): Promise<number> {
  const [row] = await database.sql<[{ id: number }]>`
    insert into archiver.jobs (job_type, archive_name, triggered_by, status, start_time, end_time)
    values ('archive', 'nightly', 'manual', ${status}, now() - interval '1 minute', now()) returning id`
  await database.sql`select archiver.write_log(${row.id}, null, 'info', 'a line of the log')`
  return row.id
}

const set = (settings: Partial<Settings['notifications']>) =>
  changeSettings(database.sql, 'notifications', {
    smtp_server: '127.0.0.1',
    smtp_security: 'none',
    from: 'backup@example.org',
    ...settings,
  })

const addUser = (email: string, banned = false) => database.sql`
  insert into auth."user" (id, name, email, "emailVerified", "createdAt", "updatedAt", banned)
  values (${email}, ${email}, ${email}, true, now(), now(), ${banned})`

async function onlyMail(): Promise<Mail> {
  const mails = await listMails(database.sql, { limit: 10 })
  expect(mails).toHaveLength(1)
  return mails[0] as Mail
}

const tryOnce = async (isLast = false) =>
  send_mail(database.sql, config, { mail_id: (await onlyMail()).id }, { isLast })

describe('whom a report is for', () => {
  test('users who may sign in, and default recipients, each once and each alone', async () => {
    await using server = await startMailServer()
    for (const email of ['ada@example.org', 'bob@example.org']) await addUser(email)
    await addUser('shut-out@example.org', true)
    await set({ smtp_port: server.port, default_recipients: ['Ada@Example.org', 'ops@example.org', 'ops@example.org'] })
    await send_report(database.sql, { job_id: job })
    await send_report(database.sql, { job_id: job })
    await tryOnce()
    await tryOnce()
    expect(server.received.map(({ recipients }) => recipients)).toEqual([
      ['ada@example.org'],
      ['bob@example.org'],
      ['ops@example.org'],
    ])
    expect(server.received.map(({ to }) => to)).toMatchObject([
      { text: 'ada@example.org' },
      { text: 'bob@example.org' },
      { text: 'ops@example.org' },
    ])
    expect(server.received[0]).toMatchObject({
      subject: '[Docker Archiver] Archive nightly succeeded: 0 of 0 stacks',
      text: expect.stringContaining(`https://backup.example.org/history/${job}`),
      attachments: [],
    })
    expect(await onlyMail()).toMatchObject({
      kind: 'report',
      state: 'sent',
      attempts: 1,
      sent_to: ['ada@example.org', 'bob@example.org', 'ops@example.org'],
      response: expect.stringMatching(/^250 Ok/),
      last_error: '',
    })
  })

  test('nobody, while no mail server is set', async () => {
    await addUser('ada@example.org')
    await send_report(database.sql, { job_id: job })
    expect(await listMails(database.sql, { limit: 10 })).toEqual([])
  })

  test('that there is nobody is to be seen', async () => {
    await set({})
    await send_report(database.sql, { job_id: job })
    expect(await onlyMail()).toMatchObject({ state: 'failed', last_error: 'There is nobody to send it to' })
  })

  test('Not again: mail sent before its contents are ready', async () => {
    await addUser('ada@example.org')
    await set({})
    await database.sql`update archiver.jobs set status = 'running', end_time = null where id = ${job}`
    await expect(send_report(database.sql, { job_id: job })).rejects.toThrow(/has not ended/)
    expect(await listMails(database.sql, { limit: 10 })).toEqual([])
  })
})

describe('trying again', () => {
  test('goes on where it stopped, and tells nobody twice', async () => {
    let greylisted = true
    await using server = await startMailServer({
      refuse: (address) => (address.startsWith('bob') && greylisted ? '450 4.7.1 try again later' : undefined),
    })
    for (const email of ['ada@example.org', 'bob@example.org', 'cyd@example.org']) await addUser(email)
    await set({ smtp_port: server.port })
    await send_report(database.sql, { job_id: job })
    await expect(tryOnce()).rejects.toThrow(/450 4.7.1 try again later/)
    expect(await onlyMail()).toMatchObject({
      state: 'queued',
      sent_to: ['ada@example.org', 'cyd@example.org'],
      last_error: expect.stringContaining('450 4.7.1 try again later'),
    })
    greylisted = false
    await tryOnce()
    expect(server.received.map(({ recipients }) => recipients[0])).toEqual([
      'ada@example.org',
      'cyd@example.org',
      'bob@example.org',
    ])
    expect(await onlyMail()).toMatchObject({ state: 'sent', attempts: 2, last_error: '' })
    expect(new Set(server.received.map(({ messageId }) => messageId)).size).toBe(3)
  })

  test('a mailbox that does not exist keeps nobody else waiting', async () => {
    await using server = await startMailServer({
      refuse: (address) => (address.startsWith('ada') ? '550 5.1.1 no such user' : undefined),
    })
    for (const email of ['ada@example.org', 'bob@example.org']) await addUser(email)
    await set({ smtp_port: server.port })
    await send_report(database.sql, { job_id: job })
    await tryOnce()
    expect(await onlyMail()).toMatchObject({
      state: 'sent',
      sent_to: ['bob@example.org'],
      refused: ['ada@example.org'],
      last_error: expect.stringContaining('550 5.1.1 no such user'),
    })
  })

  test('the last try that fails is said to be the last', async () => {
    await addUser('ada@example.org')
    await set({ smtp_port: 1 })
    await send_report(database.sql, { job_id: job })
    await expect(tryOnce()).rejects.toThrow(/Nothing listens/)
    await tryOnce(true)
    expect(await onlyMail()).toMatchObject({
      state: 'failed',
      attempts: 2,
      last_error: expect.stringMatching(/Nothing listens/),
    })
  })

  test('a SECRET_KEY that has changed is said in words', async () => {
    await using server = await startMailServer()
    await addUser('ada@example.org')
    await set({ smtp_port: server.port, smtp_password_encrypted: sealPassword('another key than now', 'password') })
    await send_report(database.sql, { job_id: job })
    await expect(tryOnce()).rejects.toThrow(/SECRET_KEY has changed since it was stored/)
    expect(await onlyMail()).toMatchObject({
      state: 'queued',
      last_error: expect.stringMatching(/Enter the password again/),
    })
  })

  test('a mail of a server that died while it sent it is sent by another', async () => {
    await using server = await startMailServer()
    await addUser('ada@example.org')
    await set({ smtp_port: server.port })
    await send_report(database.sql, { job_id: job })
    const { id } = await onlyMail()
    await database.sql`update archiver.mails set sending_until = now() + interval '1 minute', attempts = 1 where id = ${id}`
    await database.sql`delete from graphile_worker._private_jobs`
    await tryOnce()
    await rescueMails(database.sql)
    expect(server.received, 'somebody is at it').toHaveLength(0)
    await database.sql`update archiver.mails set sending_until = now() - interval '1 second' where id = ${id}`
    await rescueMails(database.sql)
    await working(async () => {
      await eventually(() => server.received.length).toBe(1)
      await eventually(async () => (await onlyMail()).state).toBe('sent')
    })
  })
})

describe('interruptions', () => {
  test('a database that restarts while a mail is taken: nobody is told twice', async () => {
    const road = await makeRoad(database.url)
    const sql = connect(road.url, { name: 'test' })
    await using server = await startMailServer({
      refuse: () => {
        road.cut()
        setTimeout(road.mend, 1500)
        return undefined
      },
    })
    await set({ smtp_port: server.port, default_recipients: ['ada@example.org'] })
    await send_report(database.sql, { job_id: job })
    await send_mail(sql, config, { mail_id: (await onlyMail()).id }, { isLast: false })
    await tryOnce()
    expect(server.received).toHaveLength(1)
    expect(await onlyMail()).toMatchObject({ state: 'sent', attempts: 1 })
    await sql.end()
    await road.close()
  })

  test('a server that is stopped while it sends leaves it to the next, were it the last try', async () => {
    await using mute = await startMuteServer()
    await set({ smtp_port: mute.port, default_recipients: ['ada@example.org'] })
    await send_report(database.sql, { job_id: job })
    const { id } = await onlyMail()
    const stopping = new AbortController()
    const sending = send_mail(database.sql, config, { mail_id: id }, { isLast: true, signal: stopping.signal })
    await eventually(() => mute.connections).toBe(1)
    stopping.abort()
    await expect(sending).rejects.toThrow(/the server was stopped/)
    await using server = await startMailServer()
    await set({ smtp_port: server.port })
    await database.sql`delete from graphile_worker._private_jobs`
    await rescueMails(database.sql)
    await working(() => eventually(async () => (await onlyMail()).state).toBe('sent'))
  })
})

describe('the log', () => {
  test('Not again: the log inlined and attached', async () => {
    await using server = await startMailServer()
    await addUser('ada@example.org')
    await set({ smtp_port: server.port, attach_log: true })
    await send_report(database.sql, { job_id: job })
    await tryOnce()
    const [mail] = server.received
    expect(mail?.attachments).toMatchObject([{ filename: `job-${job}-log.txt`, contentType: 'text/plain' }])
    expect(mail?.attachments[0]?.content.toString()).toMatch(/Z info {2}a line of the log\n$/)
    expect(mail?.text).not.toContain('a line of the log')
    expect(mail?.html).not.toContain('a line of the log')
  })

  test('is attached on failure only, when that is wanted', async () => {
    await using server = await startMailServer()
    await addUser('ada@example.org')
    await set({ smtp_port: server.port, attach_log: true, attach_log_on_failure_only: true })
    await working(async () => {
      await send_report(database.sql, { job_id: job })
      await send_report(database.sql, { job_id: await endedJob('failed') })
      await eventually(() => server.received.length).toBe(2)
    })
    const attached = Object.fromEntries(
      server.received.map(({ subject, attachments }) => [subject, attachments.length]),
    )
    expect(attached).toEqual({
      '[Docker Archiver] Archive nightly succeeded: 0 of 0 stacks': 0,
      '[Docker Archiver] Archive nightly failed: 0 of 0 stacks': 1,
    })
  })

  test('is compressed when it is large', async () => {
    await using server = await startMailServer()
    await addUser('ada@example.org')
    await set({ smtp_port: server.port, attach_log: true })
    for (let line = 0; line < 40; line++)
      await database.sql`select archiver.write_log(${job}, null, 'info', ${'x'.repeat(10_000)})`
    await send_report(database.sql, { job_id: job })
    await tryOnce()
    expect(server.received[0]?.attachments).toMatchObject([
      { filename: `job-${job}-log.txt.gz`, contentType: 'application/gzip' },
    ])
    const text = gunzipSync(server.received[0]?.attachments[0]?.content ?? Buffer.alloc(0)).toString()
    expect(text.split('\n')).toHaveLength(42)
  })
})

test('a link is mailed once for each piece of work, with a token that is kept nowhere', async () => {
  await using server = await startMailServer()
  await set({ smtp_port: server.port })
  const host = await database.addHost()
  const [backup] = await database.sql<[{ id: number }]>`
    insert into archiver.backups (host_id, job_id, archive_name, stack_name, path, format, state, size_bytes, file_count, sha256, created_at, verified_at)
    values (${host.id}, ${job}, 'nightly', 'wiki', 'nightly/wiki/1_wiki.tar.zst', 'tar.zst', 'good', 1, 1, '', now(), now()) returning id`
  const [download] = await database.sql<[{ id: number }]>`
    insert into archiver.downloads (backup_id, origin, expires_at)
    values (${backup.id}, 'https://here.example.org', now() + interval '1 day') returning id`
  const payload = { download_id: download.id, recipients: ['ada@example.org'] }
  await send_link(database.sql, payload, '7')
  await send_link(database.sql, payload, '7')
  await tryOnce()
  const [, token = ''] =
    /https:\/\/here.example.org\/download\/([\w-]{43})\s/.exec(server.received[0]?.text ?? '') ?? []
  expect(await database.sql`select token_hash, download_id from archiver.download_tokens`).toEqual([
    { token_hash: createHash('sha256').update(token).digest('base64url'), download_id: download.id },
  ])
  expect(JSON.stringify(await onlyMail())).not.toContain(token)

  await send_link(database.sql, payload, '8')
  await database.sql`update archiver.downloads set expires_at = now()`
  await working(() => eventually(async () => (await listMails(database.sql, { limit: 1 }))[0]?.state).toBe('failed'))
  expect((await listMails(database.sql, { limit: 1 }))[0]?.last_error).toBe('The link has expired, or was deleted')
  expect(server.received).toHaveLength(1)
})

test('Not again: a slow mail server holding up a job', async () => {
  await using mute = await startMuteServer()
  await addUser('ada@example.org')
  await set({ smtp_port: mute.port })
  for (let more = 0; more < 5; more++) await send_report(database.sql, { job_id: await endedJob() })
  await working(async () => {
    await eventually(() => mute.connections).toBe(2)
    const [archive] = await database.sql<[{ id: number }]>`
      insert into archiver.jobs (job_type, archive_name, triggered_by) values ('archive', 'empty', 'manual') returning id`
    await database.sql`select archiver.settle_job(${archive.id})`
    const ended = async () =>
      (
        await database.sql<
          { ended: boolean }[]
        >`select end_time is not null as ended from archiver.jobs where id = ${archive.id}`
      )[0]?.ended
    await eventually(ended).toBe(true)
    expect((await listMails(database.sql, { limit: 10 })).some(({ state }) => state === 'sent')).toBe(false)
  })
})

test('a dead mail server, then one that is back: the report comes later', async () => {
  const dead = await startMailServer()
  await dead.close()
  await addUser('ada@example.org')
  await set({ smtp_port: dead.port })
  await queueMail(database.sql, { kind: 'report', job_id: job, asked_by: 'test', recipients: ['ada@example.org'] })
  await working(async () => {
    await eventually(async () => (await onlyMail()).last_error).toMatch(/Nothing listens/)
  })
  expect(await onlyMail()).toMatchObject({ state: 'queued' })
  await using back = await startMailServer({ port: dead.port })
  await working(async () => {
    await retryMails(database.sql)
    await eventually(async () => (await onlyMail()).state).toBe('sent')
  })
  expect(back.received.map(({ recipients }) => recipients)).toEqual([['ada@example.org']])
})

/** While both workers of a server run. */
async function working(during: () => Promise<unknown>): Promise<void> {
  const log = pino({ level: 'silent' })
  const pool = new pg.Pool({ connectionString: database.url, max: 8 })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const runners = [await startWorker(pool, database.sql, log), await startMailWorker(pool, database.sql, log, config)]
  try {
    await during()
  } finally {
    await Promise.all(runners.map((runner) => runner.stop()))
    await pool.end()
  }
}

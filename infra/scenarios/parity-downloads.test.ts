// Downloads as people and programs have them, through real servers and a real agent.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Backup } from 'db/queries/backups'
import { startMailServer, type MailServer } from '../../functions/testing/mail-server.ts'
import { roundRobin } from '../../functions/testing/round-robin.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { startServer, type TestProcess, type TestServer } from '../testbed/processes.ts'
import { run } from '../testbed/run.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { makeStack, type TestStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

interface Link {
  id: number
  token: string
  download_url: string
  expires_at: string
}

interface Row {
  id: number
  state: string
  file_name: string
  notify_emails: string[]
  told_emails: string[]
  use_count: number
}

const undo = new AsyncDisposableStack()
let stack: TestStack
let house: House
let agent: TestProcess
let mails: MailServer
/** A second server on the same database, from the test of DOWNLOADS_AUTO_GENERATE_… on. */
let other: TestServer
/** Many pieces of a transfer long. */
let backup: Backup
let content: Buffer
let folder: Backup

const composeYaml = `
services:
  web:
    image: archiver-test/busybox
`

beforeAll(async () => {
  mails = undo.use(await startMailServer())
  const files = { 'noise.bin': randomBytes(96 * 1024 * 1024), 'site/index.html': '<h1>Files</h1>\n' }
  stack = undo.use(await makeStack({ name: uniqueName('files'), composeYaml, files }))
  house = undo.use(await makeHouse({ stacksDirs: [stack.parent] }))
  agent = await house.startAgent()
  const smtp = { smtp_server: '127.0.0.1', smtp_port: mails.port, smtp_security: 'none', from: 'archiver@example.org' }
  const { status, body } = await house.api.patch('/api/settings/notifications', { ...smtp, on_success: false })
  expect(status, JSON.stringify(body)).toBe(200)
  backup = await backUp('as a file', {})
  content = await readFile(fileOf(backup))
  await rm(join(stack.folder, 'noise.bin'))
  folder = await backUp('as a folder', { format: 'folder' })
})

afterAll(() => undo.disposeAsync())

async function backUp(name: string, settings: Record<string, unknown>): Promise<Backup> {
  const archive = await house.makeArchive(name, [await house.findStack(stack.folder)], { mode: 'live', ...settings })
  const { job, log } = await house.ended(await house.run(archive))
  expect(job.status, log).toBe('success')
  const { body } = await house.api.get<{ backups: Backup[] }>(`/api/backups?job_id=${job.id}`)
  const [made] = body.backups
  if (!made) throw new Error(log)
  return made
}

const fileOf = ({ path }: Backup) => join(house.archivesDir, path)
const downloadsDir = () => join(house.dataDir, 'downloads')

async function linkTo({ id }: Pick<Backup, 'id'>, more: Record<string, unknown> = {}): Promise<Link> {
  const { status, body } = await house.api.post<Link>('/api/downloads/request', { backup_id: id, ...more })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

async function rowOf({ id }: Pick<Link, 'id'>): Promise<Row | undefined> {
  return (await house.api.get<{ downloads: Row[] }>('/api/downloads')).body.downloads.find((row) => row.id === id)
}

const untilState = (link: Pick<Link, 'id'>, state: string) =>
  until(`the link to be ${state}`, async () => (await rowOf(link))?.state === state)

/** As a browser asks. */
const open = (url: string, init: RequestInit = {}) =>
  fetch(url, { ...init, redirect: 'manual', headers: { accept: 'text/html,*/*', ...init.headers } })

async function bytesOf(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ answer: Response; bytes: Buffer }> {
  const answer = await fetch(url, { headers })
  return { answer, bytes: Buffer.from(await answer.arrayBuffer()) }
}

/** A reader that takes the first bytes and then no more until it is told to. */
async function slowly(url: string): Promise<{ answer: IncomingMessage; begun: Buffer; rest(): Promise<Buffer> }> {
  const request = get(url)
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  await once(answer, 'readable')
  const begun = answer.read() as Buffer
  return {
    answer,
    begun,
    async rest() {
      const parts = [begun]
      for await (const part of answer) parts.push(part as Buffer)
      return Buffer.concat(parts)
    },
  }
}

const unfinishedTransfers = async () =>
  house.database.sql`select id from archiver.tasks where kind = 'send_bytes' and state <> 'finished'`

const jobsOf = async (id: number) =>
  house.database.sql<{ id: number; status: string }[]>`
    select id, status from archiver.jobs where job_type = 'download' and (options ->> 'backup_id')::bigint = ${id} order by id`

/** As if its file had been lost with a container. */
async function loseThePackedFile(): Promise<void> {
  await rm(downloadsDir(), { recursive: true, force: true })
}

test('Downloads: a token for 24 h, from a job, a backup or the API; no sign-in at /download/<token>', async () => {
  const made = await Promise.all([
    house.api.post<Link>(`/api/jobs/${backup.job_id}/download`, { stack_name: stack.name }),
    house.api.post<Link>(`/api/backups/${backup.id}/download`),
    house.api.post<Link>('/api/downloads/request', { backup_id: backup.id }),
  ])
  for (const { status, body } of made) {
    expect(status).toBe(201)
    expect(Buffer.from(body.token, 'base64url')).toHaveLength(32)
    expect(body.download_url).toBe(`${house.server.url}/download/${body.token}`)
    const hours = (Date.parse(body.expires_at) - Date.now()) / 3_600_000
    expect(hours).toBeGreaterThan(23.9)
    expect(hours).toBeLessThanOrEqual(24)
  }
  const { answer, bytes } = await bytesOf(made[0]!.body.download_url)
  expect(answer.status).toBe(200)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-length': String(content.length),
    'content-type': 'application/zstd',
    'content-disposition': `attachment; filename="${backup.path.split('/').at(-1)}"`,
    'accept-ranges': 'bytes',
    etag: `"${backup.sha256}"`,
  })
  expect(bytes.equals(content)).toBe(true)
  expect(await rowOf(made[0]!.body)).toMatchObject({ use_count: 1, state: 'ready' })
  const { body } = await house.api.get<{ jobs: { job_type: string }[] }>('/api/jobs')
  expect(
    body.jobs.map(({ job_type }) => job_type),
    'no transfer shows among the jobs',
  ).not.toContain('download')
  const [used] = await house.database
    .sql`select * from archiver.audit_log where action = 'download.use' order by id desc`
  expect(used).toMatchObject({ resource: 'download', resource_id: String(made[0]!.body.id), address: '127.0.0.1' })
})

test('Downloads: a part of the file, and one that broke off goes on', async () => {
  const { download_url: url } = await linkTo(backup)
  const size = content.length
  const head = await fetch(url, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(size)])

  for (const [range, from, to] of [
    ['bytes=0-99', 0, 100],
    ['bytes=5000000-25000000', 5_000_000, 25_000_001],
    [`bytes=${size - 10}-`, size - 10, size],
    ['bytes=-4194305', size - 4_194_305, size],
  ] as const) {
    const { answer, bytes } = await bytesOf(url, { range, 'if-range': head.headers.get('etag') ?? '' })
    expect([answer.status, answer.headers.get('content-range')], range).toEqual([
      206,
      `bytes ${from}-${to - 1}/${size}`,
    ])
    expect(bytes.equals(content.subarray(from, to)), range).toBe(true)
  }
  const beyond = await fetch(url, { headers: { range: `bytes=${size}-` } })
  expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${size}`])
  const other = await fetch(url, { method: 'HEAD', headers: { range: 'bytes=5-', 'if-range': '"of another file"' } })
  expect(other.status).toBe(200)
  const known = await fetch(url, { headers: { 'if-none-match': head.headers.get('etag') ?? '' } })
  expect(known.status).toBe(304)

  const part = join(house.dataDir, 'part')
  await writeFile(part, content.subarray(0, 7_000_001))
  await run('curl', ['--silent', '--show-error', '--fail', '--continue-at', '-', '--output', part, url])
  expect((await readFile(part)).equals(content)).toBe(true)
})

test('Downloads: a folder backup is delivered as .tar.zst', async () => {
  const link = await linkTo(folder)
  await untilState(link, 'ready')
  const { answer, bytes } = await bytesOf(link.download_url)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-disposition')).toMatch(/filename="\d{8}_\d{6}_files-[0-9a-f]+\.tar\.zst"/)
  const file = join(house.dataDir, 'whole.tar.zst')
  await writeFile(file, bytes)
  expect(await run('tar', ['--zstd', '-xOf', file, `${stack.name}/site/index.html`])).toContain('<h1>Files</h1>')
  expect((await readdir(downloadsDir())).filter((name) => name.startsWith('.'))).toEqual([])
  const [job] = await jobsOf(folder.id)
  expect(job?.status).toBe('success')
})

test('Downloads: list with status, send link by mail, delete', async () => {
  const link = await linkTo(backup)
  const row = await rowOf(link)
  expect(row).toMatchObject({ state: 'ready', file_name: backup.path.split('/').at(-1), use_count: 0 })
  expect(JSON.stringify(row)).not.toContain(link.token)

  const sent = await house.api.post(`/api/downloads/${link.id}/send`, { emails: ['a@example.org', 'b@example.org'] })
  expect(sent.status, JSON.stringify(sent.body)).toBe(202)
  const urls = await Promise.all(['a@example.org', 'b@example.org'].map(linkMailedTo))
  expect(new Set([...urls, link.download_url]).size, 'each mail has a link of its own').toBe(3)
  for (const url of urls) expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
  expect(await rowOf(link)).toMatchObject({ told_emails: ['a@example.org', 'b@example.org'] })

  expect((await house.api.delete(`/api/downloads/${link.id}`)).status).toBe(204)
  for (const url of [...urls, link.download_url]) {
    const answer = await fetch(url)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  }
  expect(await rowOf(link)).toBeUndefined()
})

async function linkMailedTo(address: string): Promise<string> {
  const mail = await until(`a mail to ${address}`, () =>
    mails.received.find(({ recipients }) => recipients.includes(address)),
  )
  const [url] = /http:\/\/\S+\/download\/[A-Za-z0-9_-]{43}/.exec(mail.text ?? '') ?? []
  if (!url) throw new Error(`No link in ${mail.text}`)
  return url
}

test('Downloads: if the file is missing, the public page takes one e-mail address and the link is mailed when the file is there again', async () => {
  const link = await linkTo(folder, { notify_emails: ['asked@example.org'] })
  await untilState(link, 'ready')
  await linkMailedTo('asked@example.org')
  await loseThePackedFile()

  const page = await open(link.download_url)
  expect(page.status).toBe(404)
  const html = await page.text()
  expect(html).toMatch(/<input[^>]* name="email"[^>]* value=""/)
  expect(html, 'who was told before is nobody’s business').not.toContain('asked@example.org')
  expect(html).not.toContain('<script')
  expect(page.headers.get('content-security-policy')).toMatch(
    /default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/,
  )
  expect((await open(link.download_url)).status, 'looking is not asking').toBe(404)

  const post = (body: string, headers: Record<string, string> = {}) =>
    open(link.download_url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: house.server.url, ...headers },
    })
  expect((await post('email=later%40example.org', { origin: 'https://elsewhere.example' })).status).toBe(403)
  for (const wrong of ['email=', 'email=no+address', 'email=a%40example.org%2Cb%40example.org', 'other=1'])
    expect((await post(wrong)).status, wrong).toBe(422)
  expect(await rowOf(link)).toMatchObject({ state: 'missing', notify_emails: ['asked@example.org'] })

  const thanks = await post('email=later%40example.org')
  expect([thanks.status, await thanks.text()]).toEqual([200, expect.stringContaining('later@example.org')])
  const url = await linkMailedTo('later@example.org')
  const { answer, bytes } = await bytesOf(url)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`)
  expect(
    mails.received.filter(({ recipients }) => recipients.includes('asked@example.org')),
    'told once',
  ).toHaveLength(1)
})

test('Downloads: DOWNLOADS_AUTO_GENERATE_ON_ACCESS and …_ON_STARTUP prepare without being asked, default off', async () => {
  const link = await linkTo(folder)
  await untilState(link, 'ready')
  await loseThePackedFile()
  expect((await fetch(link.download_url)).status, 'not where it is off').toBe(404)
  other = undo.use(
    await startServer({
      databaseUrl: house.database.url,
      secretKey: house.server.secretKey,
      admin: false,
      env: { DOWNLOADS_AUTO_GENERATE_ON_ACCESS: 'true', DOWNLOADS_AUTO_GENERATE_ON_STARTUP: 'true' },
    }),
  )
  await until('the file to be packed as the server starts', async () => {
    const names = await readdir(downloadsDir()).catch(() => [])
    return names.some((name) => name.startsWith(`${folder.id}_`))
  })
  await untilState(link, 'ready')

  await loseThePackedFile()
  const url = `${other.url}/download/${link.token}`
  const first = await open(url)
  expect(first.status).toBe(202)
  expect(first.headers.get('refresh'), 'the page looks again by itself').toMatch(/^5; url=/)
  const answer = await until('the file', async () => {
    const program = await fetch(url)
    if (program.status === 202) expect(Number(program.headers.get('retry-after'))).toBeGreaterThan(0)
    return program.status === 200 && program
  })
  expect(Number(answer.headers.get('content-length'))).toBe((await answer.arrayBuffer()).byteLength)
})

test('Downloads: two requests never prepare the same thing twice', async () => {
  await house.database.sql`delete from archiver.prepared_files where backup_id = ${folder.id}`
  await loseThePackedFile()
  const before = (await jobsOf(folder.id)).length
  const ask = (url: string) =>
    fetch(`${url}/api/downloads/request`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ backup_id: folder.id }),
    })
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => ask(index % 2 ? other.url : house.server.url)),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
  const links = (await Promise.all(answers.map((answer) => answer.json()))) as Link[]
  for (const link of links) await untilState(link, 'ready')
  expect((await jobsOf(folder.id)).length - before).toBe(1)
})

test('Not again: a half-packed file delivered', async () => {
  const link = await linkTo(folder)
  await untilState(link, 'ready')
  await loseThePackedFile()
  await open(link.download_url)
  await untilState(link, 'missing')
  // its agent is gone, and a piece of the file lies there
  await agent.kill()
  await mkdir(downloadsDir(), { recursive: true })
  await writeFile(join(downloadsDir(), `.${folder.id}_20261123_020004_x.tar.zst.1.partial`), 'half')
  await house.api.post(`/api/downloads/${link.id}/send`, { emails: ['half@example.org'] })
  const waiting = await fetch(link.download_url)
  expect([waiting.status, ((await waiting.json()) as Row).state]).toEqual([202, 'preparing'])
  agent = await house.startAgent()
  await untilState(link, 'ready')
  const names = await readdir(downloadsDir())
  expect(names.filter((name) => name.endsWith('.partial'))).toEqual([])

  // cut short afterwards, it is not what it was
  const packed = join(downloadsDir(), names.find((name) => name.startsWith(`${folder.id}_`)) ?? '')
  await truncate(packed, 100)
  expect((await fetch(link.download_url)).status).toBe(404)
  await untilState(link, 'missing')
})

test('Downloads: prepared files expire with their token', async () => {
  await loseThePackedFile()
  const link = await linkTo(folder)
  await house.api.post(`/api/downloads/${link.id}/send`, { emails: ['expiring@example.org'] })
  const mailed = await linkMailedTo('expiring@example.org')
  expect(await readdir(downloadsDir())).toHaveLength(1)
  await house.database.sql`update archiver.downloads set expires_at = now() - interval '1 second'`
  for (const url of [link.download_url, mailed]) {
    const answer = await open(url)
    expect(answer.status).toBe(410)
    expect(await answer.text()).toContain('has expired')
  }
  expect((await house.api.post(`/api/downloads/${link.id}/send`, { emails: ['x@example.org'] })).status).toBe(409)
  const cleanup = await house.api.post('/api/cleanup/run', { dry_run: false, tasks: ['expired_downloads'] })
  expect(cleanup.status, JSON.stringify(cleanup.body)).toBe(202)
  await until('the packed file to be removed', async () => (await readdir(downloadsDir())).length === 0)
  await until('the link to be removed', async () => !(await rowOf(link)))
})

test('Not again: a token for any path on the machine', async () => {
  const link = await linkTo(backup)
  for (const body of [
    { path: '/etc/passwd' },
    { backup_id: backup.id, path: '../../etc/passwd' },
    { file_path: '/etc' },
  ])
    expect((await house.api.post('/api/downloads/request', body)).status).toBe(422)
  for (const token of ['..%2f..%2fetc%2fpasswd', '%2e%2e%2fetc%2fpasswd', '0'.repeat(43), link.token.slice(0, 42)])
    expect((await fetch(`${house.server.url}/download/${token}`)).status, token).toBe(404)

  // whatever the database says: the agent sends backups alone, and follows no link
  const { sql } = house.database
  await writeFile(join(house.dataDir, 'secret'), 'x'.repeat(content.length))
  for (const path of ['../secret', '/etc/passwd', '../../../../etc/passwd', 'as_a_file/../../secret']) {
    await sql`update archiver.backups set path = ${path} where id = ${backup.id}`
    expect((await fetch(link.download_url)).status, path).toBe(404)
  }
  await sql`update archiver.backups set path = ${backup.path} where id = ${backup.id}`
  await rename(fileOf(backup), `${fileOf(backup)}.aside`)
  await symlink(join(house.dataDir, 'secret'), fileOf(backup))
  const answer = await fetch(link.download_url)
  expect(answer.status).toBe(404)
  expect(await answer.text(), 'no path of the host is told').not.toContain(house.dataDir)
  await rm(fileOf(backup))
  await rename(`${fileOf(backup)}.aside`, fileOf(backup))
  expect((await fetch(link.download_url, { method: 'HEAD' })).status).toBe(200)
})

test('Not again: tokens stored readable', async () => {
  const link = await linkTo(backup, { notify_emails: ['secret@example.org'] })
  const [, mailed = ''] = /\/download\/(.*)$/.exec(await linkMailedTo('secret@example.org')) ?? []
  await bytesOf(link.download_url, { range: 'bytes=0-9' })
  const dump = await run('pg_dump', ['--data-only', house.database.url]).catch(() => everyRow())
  expect(dump).toContain(createHash('sha256').update(link.token).digest('base64url'))
  for (const token of [link.token, mailed]) {
    expect(token).toHaveLength(43)
    expect(dump).not.toContain(token)
    expect(house.server.logs()).not.toContain(token)
    expect(agent.logs()).not.toContain(token)
  }
})

/** All that is stored, as text. */
async function everyRow(): Promise<string> {
  const { sql } = house.database
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('archiver', 'auth', 'graphile_worker')`
  const rows = await Promise.all(tables.map(({ name }) => sql.unsafe(`select to_jsonb(t) as row from ${name} as t`)))
  return JSON.stringify(rows)
}

test('a backup that is not to be had is told in words', async () => {
  const { sql } = house.database
  const link = await linkTo(backup)
  const said = async () => {
    const [page, program] = await Promise.all([open(link.download_url), fetch(link.download_url)])
    expect(page.headers.get('content-type')).toMatch(/^text\/html/)
    expect(page.status).toBe(program.status)
    const { detail } = (await program.json()) as { detail: string }
    expect((await page.text()).replaceAll('&#39;', "'")).toContain(detail)
    return [program.status, detail]
  }
  const change = (values: Record<string, unknown>) =>
    sql`update archiver.backups set ${sql(values)} where id = ${backup.id}`
  await change({ trashed_at: new Date() })
  expect(await said()).toEqual([404, expect.stringContaining('in the trash')])
  expect((await house.api.post('/api/downloads/request', { backup_id: backup.id })).status).toBe(409)
  await change({ trashed_at: null, state: 'corrupt', verify_error: 'frame 3 is damaged' })
  const damaged = await said()
  expect(damaged).toEqual([404, expect.stringContaining('found damaged')])
  expect(damaged[1], 'what exactly is no business of strangers').not.toContain('frame 3')
  await change({ state: 'deleted' })
  expect(await said()).toEqual([410, expect.stringContaining('has been deleted')])
  await change({ state: 'good', verify_error: '' })
  await rename(fileOf(backup), `${fileOf(backup)}.aside`)
  expect(await said()).toEqual([404, expect.stringContaining('not on its host')])
  await rename(`${fileOf(backup)}.aside`, fileOf(backup))
  expect((await house.api.post('/api/downloads/request', { backup_id: 999_999 })).status).toBe(404)
})

test('nobody guesses links for long, and links that work are not held up by it', async () => {
  const link = await linkTo(backup)
  const statuses = new Set<number>()
  for (let tried = 0; tried < 70; tried++)
    statuses.add((await fetch(`${house.server.url}/download/${randomBytes(32).toString('base64url')}`)).status)
  expect([...statuses]).toEqual([404, 429])
  expect((await fetch(link.download_url, { method: 'HEAD' })).status).toBe(200)
  await house.database.sql`delete from auth.sign_in_failures`
})

test('a slow reader fills nobody’s memory, and one that has gone leaves nothing behind', async () => {
  const { download_url: url } = await linkTo(backup)
  const rss = async () =>
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${house.server.pid}/status`, 'utf8'))?.[1]) * 1024
  const before = await rss()
  const readers = await Promise.all([slowly(url), slowly(url)])
  // long enough for a sender that does not wait to have sent it all
  await new Promise((done) => setTimeout(done, 2000))
  expect((await rss()) - before).toBeLessThan(content.length)
  expect(await unfinishedTransfers()).toHaveLength(2)
  for (const { answer } of readers) answer.destroy()
  await until('the transfers to end', async () => (await unfinishedTransfers()).length === 0)
  const outcomes = await house.database.sql`
    select outcome ->> 'status' as status from archiver.tasks where kind = 'send_bytes' order by id desc limit 2`
  expect(outcomes.map(({ status }) => status)).toEqual(['cancelled', 'cancelled'])
})

test('two servers behind a round-robin: any of them serves any part', async () => {
  const balancer = await roundRobin([house.server.url, other.url])
  try {
    const { token } = await linkTo(backup)
    const step = Math.ceil(content.length / 4)
    const parts = await Promise.all(
      [0, 1, 2, 3].map((index) =>
        bytesOf(`${balancer.url}/download/${token}`, { range: `bytes=${index * step}-${(index + 1) * step - 1}` }),
      ),
    )
    expect(parts.map(({ answer }) => answer.status)).toEqual([206, 206, 206, 206])
    expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(content)).toBe(true)
    expect(new Set(balancer.taken)).toEqual(new Set([0, 1]))
  } finally {
    await balancer.close()
  }
})

test('an agent that is killed in the middle of a download goes on when it is started again', async () => {
  const { download_url: url } = await linkTo(backup)
  const reader = await slowly(url)
  await agent.kill()
  agent = await house.startAgent()
  const bytes = await reader.rest()
  expect(bytes.equals(content)).toBe(true)
})

test('a host that does not answer is told with 503 and when to try again', async () => {
  const link = await linkTo(backup)
  await agent.kill()
  await house.database.sql`update archiver.hosts set last_seen_at = now() - interval '2 minutes'`
  const answer = await fetch(link.download_url)
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '60'])
  expect(await rowOf(link)).toMatchObject({ state: 'offline' })
  agent = await house.startAgent()
  await untilState(link, 'ready')
  const whole = createHash('sha256')
  for await (const part of createReadStream(fileOf(backup))) whole.update(part as Buffer)
  expect(
    createHash('sha256')
      .update((await bytesOf(link.download_url)).bytes)
      .digest('hex'),
  ).toBe(whole.digest('hex'))
})

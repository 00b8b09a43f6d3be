// Whatever is cut off in whatever job: it ends in a true state, nothing is lost, and the report comes when it can.
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Backup } from 'db/queries/backups'
import type { Job } from 'db/queries/jobs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startMailServer, startMuteServer } from '../../functions/testing/mail-server.ts'
import { freePort } from '../start/postgres.ts'
import { makeDatabaseServer, type DatabaseServer } from '../testbed/database-server.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import type { TestProcess } from '../testbed/processes.ts'
import { run } from '../testbed/run.ts'
import { until } from '../testbed/until.ts'

const undo = new AsyncDisposableStack()
let database: DatabaseServer
let house: House
let agent: TestProcess
let archive: number
let mailPort: number

beforeAll(async () => {
  const folder = undo.use(await temporaryFolder())
  const stack = join(folder.path, 'notes')
  await mkdir(stack)
  await writeFile(join(stack, 'compose.yaml'), 'services: {}\n')
  await writeFile(join(stack, 'big.bin'), randomBytes(40 * 1024 * 1024))
  database = undo.use(await makeDatabaseServer())
  house = undo.use(await makeHouse({ stacksDirs: [folder.path], serverUrl: database.url }))
  agent = await house.startAgent()
  archive = await house.makeArchive('nightly', [await house.findStack(stack)], {
    mode: 'live',
    retention_keep_days: 1,
    retention_keep_weeks: 0,
    retention_keep_months: 0,
    retention_keep_years: 0,
    retention_one_per_day: true,
  })
  mailPort = await freePort()
  await house.api.patch('/api/settings/notifications', {
    smtp_server: '127.0.0.1',
    smtp_port: mailPort,
    smtp_security: 'none',
    from: 'backup@example.org',
  })
  await run2()
})

afterAll(() => undo.disposeAsync())

const kinds = {
  archive: () => house.api.post<{ job_id: number }>(`/api/archives/${archive}/run`),
  retention: () => house.api.post<{ job_id: number }>(`/api/archives/${archive}/retention`),
  cleanup: () => house.api.post<{ job_id: number }>('/api/cleanup/run', { dry_run: false }),
  verify: async () => house.api.post<{ job_id: number }>(`/api/backups/${(await backups())[0]?.id}/verify`),
} satisfies Record<string, () => Promise<{ status: number; body: { job_id: number } }>>

const backups = async () => (await house.api.get<{ backups: Backup[] }>('/api/backups')).body.backups

/** Two backups of today, so that retention has one to remove. */
async function run2(): Promise<void> {
  await house.api.patch(`/api/archives/${archive}`, { retention_one_per_day: false })
  for (const _ of [1, 2]) await ended(await start('archive'))
  await house.api.patch(`/api/archives/${archive}`, { retention_one_per_day: true })
}

async function start(kind: keyof typeof kinds): Promise<number> {
  const { status, body } = await kinds[kind]()
  expect(status, JSON.stringify(body)).toBe(202)
  return body.job_id
}

/** Jobs of some kinds are over before a test could look, and then nothing was cut off. */
async function underWay(id: number): Promise<void> {
  await until(`job ${id} to be under way`, async () => (await house.job(id)).job.status !== 'queued')
}

async function ended(id: number): Promise<Job> {
  const told = (cause: unknown) => {
    throw new Error(`The agent wrote:\n${agent.logs()}`, { cause })
  }
  return until(
    `job ${id} to end`,
    async () => {
      const { job } = await house.job(id)
      return job.end_time ? job : undefined
    },
    // what a lost connection left half done is found by the tick of a minute
    180_000,
  ).catch(told)
}

/** Every backup that is listed is there, whole, and no finished file is there that is not listed. */
async function expectTruth(): Promise<void> {
  const listed = await backups()
  for (const { path, size_bytes } of listed) {
    expect((await stat(join(house.archivesDir, path))).size, path).toBe(size_bytes)
  }
  const there = (await readdir(house.archivesDir, { recursive: true })).filter((path) => path.endsWith('.tar.zst'))
  expect(there.filter((path) => !path.startsWith('.trash')).toSorted()).toEqual(
    listed.map(({ path }) => path).toSorted(),
  )
}

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('%s', (kind) => {
  test('the agent is killed', async () => {
    const id = await start(kind)
    await underWay(id)
    await agent.kill()
    agent = await house.startAgent()
    const job = await ended(id)
    expect(['success', 'warning', 'failed']).toContain(job.status)
    if (job.status === 'failed') expect(job.reason).toMatch(/agent .*(ended|restarted)/)
    await until('nothing unfinished to be left', async () => (await unfinished()).length === 0)
    await expectTruth()
  })

  test('the database is restarted', async () => {
    const id = await start(kind)
    await underWay(id)
    await database.stop()
    await database.start()
    await until('the server to answer again', async () => (await fetch(`${house.server.url}/health`)).ok)
    const job = await ended(id)
    expect(job.status, job.reason).toBe('success')
    await expectTruth()
  })
})

const unfinished = async () =>
  (await readdir(house.archivesDir, { recursive: true })).filter((path) => path.endsWith('.partial'))

test('the mail server is dead, then mute, then there: jobs do not wait, and each report arrives once', async () => {
  const first = await ended(await start('archive'))
  expect(first.status, first.reason).toBe('success')
  const mails = async () =>
    (await house.api.get<{ mails: { job_id: number; state: string; last_error: string }[] }>('/api/settings/mails'))
      .body.mails
  await until('the first failure to be told', async () =>
    (await mails()).some(({ job_id, last_error }) => job_id === first.id && last_error !== ''),
  )
  {
    await using _mute = await startMuteServer(mailPort)
    const second = await ended(await start('archive'))
    expect(second.status, second.reason).toBe('success')
  }
  await using server = await startMailServer({ port: mailPort })
  const subjects = () => server.received.filter(({ text }) => text?.includes(`/history/${first.id}`))
  await until('the report of the first job', () => subjects().length > 0)
  expect(subjects()).toHaveLength(1)
})

test('the disk is full, the journal on it, too: a new backup fails in words, and retention makes room', async () => {
  await using folder = await temporaryFolder()
  const disk = join(folder.path, 'disk')
  await mkdir(disk)
  await run('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'tmpfs', disk])
  const stack = join(folder.path, 'stacks', 'wiki')
  try {
    await mkdir(stack, { recursive: true })
    await writeFile(join(stack, 'compose.yaml'), 'services: {}\n')
    await writeFile(join(stack, 'big.bin'), randomBytes(20 * 1024 * 1024))
    await using other = await makeHouse({
      stacksDirs: [join(folder.path, 'stacks')],
      archivesDir: join(disk, 'archives'),
      dataDir: disk,
    })
    await using _agent = await other.startAgent()
    const id = await other.makeArchive('full', [await other.findStack(stack)], {
      mode: 'live',
      retention_keep_days: 1,
      retention_keep_weeks: 0,
      retention_keep_months: 0,
      retention_keep_years: 0,
    })
    for (const _ of [1, 2]) expect((await other.ended(await other.run(id))).job.status).toBe('success')
    await run('dd', ['if=/dev/zero', `of=${disk}/ballast`, 'bs=4k']).catch(() => {})

    const { job } = await other.ended(await other.run(id))
    expect(job.status).toBe('failed')
    expect(job.reason).toMatch(/space/i)

    await other.api.patch(`/api/archives/${id}`, { retention_one_per_day: true })
    const { body } = await other.api.post<{ job_id: number }>(`/api/archives/${id}/retention`)
    const thinned = await other.ended(body.job_id)
    expect(thinned.job.status, thinned.log).toBe('success')
    expect(thinned.job.reclaimed_bytes).toBeGreaterThan(20 * 1024 * 1024)
  } finally {
    await run('umount', ['-l', disk])
  }
})

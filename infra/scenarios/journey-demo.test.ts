// The demo: what it tells is true of the files on disk, its pages show it, and nothing is left of it.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { connect, type Sql } from 'db/connect'
import { startEngine } from '../../agent/archive/client.ts'
import { startDemo, type Demo } from '../demo/demo.ts'
import { label } from '../demo/stacks.ts'
import { launchBrowser, open } from '../testbed/browser.ts'
import { docker } from '../testbed/docker.ts'
import { narrowed } from '../testbed/engine-door.ts'
import { temporaryFolder, type TemporaryFolder } from '../testbed/folders.ts'
import { complaintsOf } from '../testbed/pages.ts'
import { until } from '../testbed/until.ts'

const days = 16
const places = ['Stacks', 'Archives', 'History', 'Backups', 'Hosts']
let folder: TemporaryFolder
let demo: Demo
let sql: Sql

beforeAll(async () => {
  if (inject('missing').length > 0) return
  folder = await temporaryFolder()
  demo = await startDemo({ folder: join(folder.path, 'demo'), days })
  sql = connect(demo.databaseUrl, { name: 'test' })
})

afterAll(async () => {
  await sql?.end()
  await demo?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

test('every backup that is there has its file, with the size and the hash that the database knows', async () => {
  const backups = await sql<{ host: string; path: string; format: 'folder'; size_bytes: number; sha256: string }[]>`
    select h.name as host, coalesce(b.trash_path, b.path) as path, b.format, b.size_bytes, b.sha256
    from archiver.backups as b join archiver.hosts as h on h.id = b.host_id where b.state <> 'deleted'`
  expect(backups.length).toBeGreaterThan(50)
  await using engine = startEngine()
  for (const { host, path, format, size_bytes, sha256 } of backups) {
    const file = join(demo.archivesDir(host), path)
    const read = await engine.verify({ file, format, frames: 'all' }, () => {})
    expect(read, file).toMatchObject({ sha256, size_bytes })
  }
  const known = new Set(backups.map(({ host, path }) => `${host}/${path}`))
  for (const host of ['atlas', 'nas', 'cabin']) {
    const found = await readdir(demo.archivesDir(host), { recursive: true })
    const names = found.map((path) => `${host}/${path}`).filter((path) => /\/\d{8}_[^/]*\.tar(\.\w+)?$/.test(path))
    for (const name of names.filter((name) => !name.endsWith('.index') && !name.includes('.partial')))
      expect(known).toContain(name)
  }
})

test('the past lies in the past, in order, and retention has run', async () => {
  const [facts] = await sql`
    select
      (select count(*) from archiver.jobs as j where j.created_at < now() - interval '1 hour' and exists (
        select from archiver.jobs as o where o.id > j.id and o.created_at < j.created_at)) as out_of_order,
      (select count(*) from archiver.jobs where start_time < created_at or end_time < start_time) as backwards,
      (select count(*) from archiver.jobs where status in ('queued', 'running')) as unfinished,
      (select count(*) from archiver.log_lines as l join archiver.jobs as j on j.id = l.job_id
        where l.at not between j.created_at - interval '1 second' and j.end_time + interval '2 seconds') as lines_astray,
      (select count(*) from archiver.backups as b join archiver.jobs as j on j.id = b.job_id
        where b.created_at not between j.created_at and j.end_time) as backups_astray,
      (select count(*) from archiver.backups where deleted_at < created_at) as deleted_before`
  expect(facts).toEqual({
    ...{ out_of_order: 0, backwards: 0, unfinished: 0, lines_astray: 0, backups_astray: 0, deleted_before: 0 },
  })
  const [{ past }] = await sql<[{ past: number }]>`
    select count(*) as past from archiver.jobs where created_at < now() - interval '1 day'`
  expect(past).toBeGreaterThan(3 * (days - 4))
  const statuses = await sql<{ status: string }[]>`select distinct status from archiver.jobs order by status`
  expect(statuses.map(({ status }) => status)).toEqual(['cancelled', 'failed', 'success', 'warning'])
  const [{ deleted }] = await sql<[{ deleted: number }]>`
    select count(*) as deleted from archiver.backups where state = 'deleted'`
  expect(deleted).toBeGreaterThan(20)
})

test('every page shows it, to everybody, without a complaint', async () => {
  await using browser = await launchBrowser()
  for (const { username } of demo.users) {
    await using context = await browser.newContext({ baseURL: demo.url })
    const signedIn = await context.request.post('/api/auth/sign-in/username', {
      data: { username, password: demo.password },
      headers: { origin: demo.url },
    })
    expect(signedIn.ok()).toBe(true)
    const page = await context.newPage()
    const complaints = complaintsOf(page)
    await open(page, demo.url)
    await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor()
    await page.getByText(/\d+ stacks? needs? attention|All \d+ stacks/).waitFor()
    for (const place of places) {
      await page.getByRole('navigation').getByRole('link', { name: place, exact: true }).first().click()
      await page.getByRole('heading', { level: 1, name: place }).waitFor()
      await until(`${place} to be there`, async () => (await page.locator('.skeleton').count()) === 0)
      expect(await page.getByRole('alert').allTextContents(), `${place} of ${username}`).toEqual([])
    }
    expect(complaints, username).toEqual([])
  }
})

test('an agent sees the containers of its own host alone', async () => {
  const { searchParams } = new URL(
    narrowed('/v1.41/containers/json?all=1&filters={"label":["a"]}', `${label}=nas`),
    'http://x',
  )
  expect(searchParams.get('all')).toBe('1')
  expect(JSON.parse(searchParams.get('filters') ?? '')).toEqual({ label: ['a', `${label}=nas`] })
  expect(narrowed('/containers/abc/json', label)).toBe('/containers/abc/json')
  const stacks = await sql<{ host: string; name: string }[]>`
    select h.name as host, s.name from archiver.stacks as s join archiver.hosts as h on h.id = s.host_id
    where h.name <> 'atlas' and s.gone_at is null order by 1, 2`
  expect(stacks.map(({ host, name }) => `${host}/${name}`)).toEqual([
    ...['cabin/adguard', 'cabin/zigbee2mqtt', 'nas/freshrss', 'nas/home-assistant', 'nas/immich', 'nas/jellyfin'],
  ])
})

test('when it ends, nothing of it is left', async () => {
  await sql.end()
  await demo[Symbol.asyncDispose]()
  expect(existsSync(join(folder.path, 'demo'))).toBe(false)
  await expect(fetch(`${demo.url}/health`)).rejects.toThrow()
  expect(await docker('ps', '--all', '--quiet', '--filter', `label=${label}`)).toBe('')
  expect(await docker('volume', 'ls', '--quiet', '--filter', `label=${label}`)).toBe('')
})

// The dashboard and the stacks as people use them: from nothing to safe, through a bad night, and down to each mount.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from 'db/connect'
import { claimTask, finishTask, heartbeat, reportStacks, startAgent } from 'db/queries/agent'
import type { Stack } from 'db/queries/stacks'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, open, reload } from '../testbed/browser.ts'
import { good, status } from '../../functions/testing/agent.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { complaintsOf, faultsOf, signIn, tabTo } from '../testbed/pages.ts'
import { adminPassword } from '../testbed/processes.ts'
import { run } from '../testbed/run.ts'
import { until } from '../testbed/until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const hostile = '<img src=x onerror=alert(1)>'

const everything = new AsyncDisposableStack()
let house: House
let browser: Browser
let page: Page
let complaints: string[]
let wiki: Stack
let odd: Stack
let nightly: number

beforeAll(async () => {
  if (!existsSync(join(root, 'web/build/index.html'))) await run('npm', ['run', '-w', 'web', 'build'], { cwd: root })
  house = everything.use(await makeHouse({ stacksDirs: [] }))
  browser = everything.use(await launchBrowser())
  page = await (await browser.newContext()).newPage()
  await signIn(page, house.server.url)
  complaints = complaintsOf(page)
  for (const role of ['viewer', 'operator']) await addUser(role)
})

afterAll(() => everything.disposeAsync())

const answer = () => page.getByRole('region', { name: 'Am I safe?' })
const card = () => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'nightly' }) })
const strip = () => page.getByRole('slider', { name: 'Last 30 days of nightly' })

/** A user named after the role; made by a person, since tokens may not. */
async function addUser(role: string): Promise<void> {
  const user = { username: role, email: `${role}@example.org`, password: adminPassword, role }
  const status = await page.evaluate(async (body) => {
    const headers = { 'content-type': 'application/json' }
    return (await fetch('/api/users', { method: 'POST', headers, body })).status
  }, JSON.stringify(user))
  expect(status).toBe(201)
}

/** Stands in for an agent, since a real one would tell what else runs on the engine, too. Resolves with how to do its next task. */
async function playAgent(stacks: string[]): Promise<() => Promise<void>> {
  const sql = everything.adopt(connect(house.host.url, { name: 'agent', max: 2 }), (sql) => sql.end())
  const { epoch } = await startAgent(sql, '0.1.0', status, [])
  await reportStacks(sql, epoch, stacks.map(reported))
  const beat = setInterval(() => void heartbeat(sql, epoch, status, []).catch(() => {}), 10_000)
  everything.defer(() => clearInterval(beat))
  let made = 0
  return async () => {
    const task = await until('a task', () => claimTask(sql, epoch, []))
    const at = new Date().toISOString()
    const file = { path: `nightly/${++made}.tar.zst`, created_at: at, verified_at: at }
    const backup = good.backup && { ...good.backup, ...file }
    await finishTask(sql, epoch, task.id, { ...good, backup })
  }
}

const reported = (name: string) => ({
  path: `/srv/${name}`,
  name,
  compose_file: 'compose.yml',
  project: name,
  kind: 'nested' as const,
  containers: [],
  mounts: [],
  own: false,
})

/** As another server or an agent would change it, with the notice that it did. */
async function change(resource: string, work: (sql: House['database']['sql']) => Promise<unknown>): Promise<void> {
  await work(house.database.sql)
  await house.database.sql`select archiver.announce(${resource})`
}

test('from an empty installation to a safe one, with the keyboard alone and without a reload', async () => {
  await page.getByText('No stack has been found yet, so nothing is backed up.').waitFor()
  await answer().getByText('its agent has never connected').waitFor()
  expect(await faultsOf(page)).toEqual([])
  const loads: string[] = []
  page.on('load', () => loads.push(page.url()))

  const work = await playAgent(['wiki', hostile])
  wiki = await house.findStack('/srv/wiki')
  odd = await house.findStack(`/srv/${hostile}`)
  await answer().getByText('2 of 2 stacks need attention').waitFor()
  await answer().getByRole('link', { name: hostile }).waitFor()
  await page.getByRole('link', { name: /Protect it.*wiki/ }).waitFor()

  nightly = await house.makeArchive('nightly', [wiki, odd], {
    schedule_enabled: true,
    schedule_cron: '0 3 1 1 *',
  })
  await answer().getByText('no backup yet').first().waitFor()
  await card().getByText('never', { exact: true }).waitFor()
  await page
    .getByLabel('Figures')
    .getByText(/^in \d+ d/)
    .waitFor()

  await tabTo(card().getByRole('button', { name: 'Run nightly' }))
  await page.keyboard.press('Enter')
  await page.waitForURL('**/history/*')
  await work()
  await work()
  await tabTo(page.getByRole('link', { name: 'Dashboard' }))
  await page.keyboard.press('Enter')
  await answer().getByText('All 2 stacks were backed up in the last 24 h.').waitFor()
  await answer().getByText('read back').waitFor()
  await card().getByText('Succeeded', { exact: true }).waitFor()
  await page.getByLabel('Figures').getByText('1 job', { exact: true }).waitFor()
  await page.getByLabel('Figures').getByText('2 backups').waitFor()
  await page.getByRole('img', { name: /^Storage by stack/ }).waitFor()
  expect(loads, 'all of it came by itself').toEqual([])
  expect(await faultsOf(page)).toEqual([])
})

test('strip and calendar are one tab stop each, tell days in words, and lead to their jobs', async () => {
  const { today } = (await house.api.get<{ today: string }>('/api/dashboard')).body
  await tabTo(strip())
  expect(await strip().getAttribute('aria-valuetext')).toMatch(/ 20\d\d: 1 succeeded$/)
  await page.keyboard.press('ArrowLeft')
  expect(await strip().getAttribute('aria-valuetext')).toMatch(/: nothing was due$/)
  await page.keyboard.press('Home')
  expect(await strip().getAttribute('aria-valuenow')).toBe('1')
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/history?from=${today}&to=${today}&archive=${nightly}`)
  await page.goBack()

  const year = page.getByRole('slider', { name: 'The last 12 months' })
  await change(
    'jobs',
    (sql) => sql`
    insert into archiver.jobs (job_type, archive_name, status, triggered_by, created_at, start_time, end_time)
    select 'archive', 'gone', 'failed', 'schedule', at, at, at from (select now() - interval '21 days' as at) as long_ago`,
  )
  await year.getByTitle(/: 1 failed$/).waitFor()
  await tabTo(year)
  expect(await year.getAttribute('aria-valuetext')).toMatch(/: 1 succeeded$/)
  await page.keyboard.press('ArrowLeft')
  expect(await year.getAttribute('aria-valuetext')).toMatch(/: 1 failed$/)
  await year.getByTitle(/: 1 failed$/).click()
  await page.getByText(/: 1 failed Jobs of this day$/).waitFor()
  await year.focus()
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/history?from=${today}&to=${today}`)
  await page.goBack()
  await card().waitFor()
})

test('a bad night is said in words, and nothing that runs now hides it', async () => {
  const { sql } = house.database
  await change(
    'archives',
    (sql) => sql`
    insert into archiver.missed_runs (archive_id, scheduled_for, reason) values (${nightly}, now() + interval '1 second', 'maintenance mode was on')`,
  )
  await answer().getByText('was missed').first().waitFor()
  await card().getByText('1 missed, 1 succeeded').waitFor()
  await sql`delete from archiver.missed_runs`

  const [failed] = await sql<[{ id: number }]>`
    insert into archiver.jobs (job_type, archive_id, archive_name, status, reason, triggered_by, start_time, end_time)
    values ('archive', ${nightly}, 'nightly', 'failed', 'wiki: the disk is full', 'schedule', now(), now()) returning id`
  await change(
    'jobs',
    (sql) => sql`
    insert into archiver.job_stacks (job_id, stack_id, stack_name, status, reason, start_time, end_time)
    values (${failed.id}, ${wiki.id}, 'wiki', 'failed', 'the disk is full', now(), now())`,
  )
  await answer().getByText('1 of 2 stacks needs attention').waitFor()
  await answer().getByText('its last run failed').waitFor()
  await page
    .getByRole('link', { name: /nightly.*the disk is full/ })
    .first()
    .waitFor()

  await change(
    'jobs',
    (sql) => sql`
    insert into archiver.jobs (job_type, archive_id, archive_name, status, triggered_by, start_time)
    values ('archive', ${nightly}, 'nightly', 'running', 'manual', now())`,
  )
  await card().getByText('Running', { exact: true }).waitFor()
  await card().getByText('Failed', { exact: true }).waitFor()
  await answer().getByText('its last run failed').waitFor()
  expect(await card().getByRole('button', { name: /^Run/ }).count(), 'it runs already').toBe(0)
  await tabTo(strip())
  expect(await strip().getAttribute('aria-valuetext')).toMatch(/: 1 failed, 1 succeeded, 1 running$/)
  await page.setViewportSize({ width: 1280, height: 844 })
  expect(await faultsOf(page)).toEqual([])

  await house.api.patch('/api/settings/general', { maintenance_mode: true })
  await answer().getByText('Maintenance mode is on').waitFor()
  await house.api.patch('/api/settings/general', { maintenance_mode: false })
  await change('jobs', (sql) => sql`delete from archiver.jobs where status in ('running', 'failed')`)
  await answer().getByText('All 2 stacks were backed up').waitFor()
  await change('backups', (sql) => sql`update archiver.backups set state = 'corrupt' where stack_id = ${odd.id}`)
  await answer().getByText('its newest backup is corrupt').waitFor()
})

test('stacks are found by what stands in the address', async () => {
  await open(page, `${house.server.url}/stacks?attention=1`)
  await page.getByText('1 stack, 1 needs attention').waitFor()
  await page.getByText('Its newest backup is corrupt').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.getByLabel('Only those that need attention').uncheck()
  await page.getByText('2 stacks, 1 needs attention').waitFor()
  await page.getByLabel('Search stacks').fill('WIKI')
  await page.waitForURL('**/stacks?q=WIKI')
  await page.getByText('1 stack, none needs attention').waitFor()
  await reload(page)
  await page.getByText('1 stack, none needs attention').waitFor()
  await page.getByLabel('Search stacks').fill('nowhere')
  await page.getByText('No stack matches.').waitFor()
})

test('the coverage map says of each mount whether it is covered, and why', async () => {
  const mounts = [
    { service: 'web', type: 'volume', source: 'wiki_data', destination: '/data', covered: true, why: 'a named volume' },
    {
      service: 'web',
      type: 'bind',
      source: '/mnt/media',
      destination: '/media',
      covered: false,
      why: 'outside the directory of the stack',
    },
    {
      service: 'db',
      type: 'tmpfs',
      source: '',
      destination: '/tmp',
      covered: false,
      why: 'a mount of type tmpfs lives in memory only',
    },
  ]
  const [lone] = await house.database.sql<[{ id: number }]>`
    insert into archiver.stacks (host_id, path, name, folder, compose_file, project, kind, containers, mounts, own)
    values (${house.host.id}, '/srv/lone', ${`${hostile} `.repeat(4)}, 'lone', 'compose.yml', 'lone', 'nested', '[]', ${JSON.stringify(mounts)}::text::jsonb, false)
    returning id`
  await house.makeArchive('without volumes', [wiki], { include_volumes: false })
  await open(page, `${house.server.url}/stacks/${lone.id}`)
  const map = page.getByRole('region', { name: 'What a backup holds' })
  await map.getByText('No archive names this stack').waitFor()
  expect(await map.getByText('Not covered').count()).toBe(4)
  expect(await faultsOf(page)).toEqual([])
  await map.getByRole('link', { name: /Protect it/ }).click()
  await page.waitForURL(`**/archives/new?stack=${lone.id}`)

  await house.makeArchive('lone', [{ ...wiki, id: lone.id }], { exclude: ['*.log'] })
  await open(page, `${house.server.url}/stacks/${lone.id}`)
  await map.getByText('2 of 3 places covered.').waitFor()
  await map.getByText('Move it below the stack’s directory').waitFor()
  await map.getByText('Archive lone leaves out *.log.').waitFor()
  await map.getByRole('listitem').filter({ hasText: 'wiki_data' }).getByText('Covered', { exact: true }).waitFor()

  const [job] = await house.database.sql<[{ id: number }]>`
    insert into archiver.jobs (job_type, archive_name, status, triggered_by, start_time, end_time)
    values ('archive', 'lone', 'success', 'schedule', now(), now()) returning id`
  await change(
    'jobs',
    (sql) => sql`
    insert into archiver.job_stacks (job_id, stack_id, stack_name, status, start_time, end_time, downtime_seconds, archive_size_bytes)
    values (${job.id}, ${lone.id}, 'lone', 'success', now(), now(), 4.2, 1048576)`,
  )
  await page.getByRole('region', { name: 'Last runs' }).getByText('4.2 s').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await open(page, `${house.server.url}/stacks/999999`)
  await page.getByText('There is no stack with id 999999').waitFor()
  expect(await page.locator('img[src=x]').count()).toBe(0)
  expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
})

test('nobody is shown what their role may not do', async () => {
  for (const [role, mayRun] of [
    ['viewer', false],
    ['operator', true],
  ] as const) {
    const theirs = await (await browser.newContext()).newPage()
    await signIn(theirs, house.server.url, role)
    await theirs.getByRole('slider', { name: 'Last 30 days of nightly' }).waitFor()
    expect(await theirs.getByRole('button', { name: 'Run nightly' }).count(), role).toBe(mayRun ? 1 : 0)
    expect(await theirs.getByRole('link', { name: /^(Edit|New archive|Protect it|Add)/ }).count(), role).toBe(0)
    await open(theirs, `${house.server.url}/stacks`)
    await theirs.getByRole('link', { name: 'wiki' }).first().waitFor()
    expect(await theirs.getByRole('link', { name: /^Protect it/ }).count(), role).toBe(0)
    await theirs.close()
  }
})

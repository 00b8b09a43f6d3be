// Archives as a person with a keyboard makes, changes, runs and deletes them; and what those see who may do less.
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, open } from '../testbed/browser.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { addUser, complaintsOf, faultsOf, hasFocus, signIn, tabTo } from '../testbed/pages.ts'
import type { TestProcess } from '../testbed/processes.ts'
import { until } from '../testbed/until.ts'

const hostile = '<img src=x onerror=alert(1)>'
const things = new AsyncDisposableStack()
let house: House
let agent: TestProcess
let browser: Browser
let page: Page
let complaints: string[]

beforeAll(async () => {
  const folder = things.use(await temporaryFolder())
  for (const name of ['wiki', 'photos', hostile]) {
    await mkdir(join(folder.path, name), { recursive: true })
    await writeFile(join(folder.path, name, 'compose.yaml'), 'services: {web: {image: busybox}}\n')
  }
  house = things.use(await makeHouse({ stacksDirs: [folder.path], containers: false }))
  agent = await house.startAgent()
  await house.findStack(join(folder.path, 'wiki'))
  browser = things.use(await launchBrowser())
  page = await (await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 844 } })).newPage()
  await signIn(page, house.server.url)
  for (const role of ['viewer', 'operator'] as const) await addUser(house.server.url, role, role)
  complaints = complaintsOf(page)
})

afterAll(() => things.disposeAsync())

const button = (name: string | RegExp) => page.getByRole('button', { name })
const field = (name: string) => page.getByLabel(name, { exact: true })
const at = (path: string) => house.server.url + path

async function press(target: Locator, key = 'Enter'): Promise<void> {
  await tabTo(target)
  await page.keyboard.press(key)
}

async function type(target: Locator, text: string): Promise<void> {
  await tabTo(target)
  await page.keyboard.press('ControlOrMeta+A')
  if (text === '') await page.keyboard.press('Delete')
  else await page.keyboard.type(text)
}

const focused = (target: Locator) => until('the focus', () => hasFocus(target))

/** Browsers complain of every refusal, those that were wanted included. */
const unexpected = () => complaints.filter((text) => !/status of (409|422)/.test(text))

const archiveNamed = async (name: string) => {
  const { body } = await house.api.get<{ archives: { id: number; name: string }[] }>('/api/archives')
  return body.archives.find((archive) => archive.name === name)
}

test('an archive is made by keyboard; each wrong field says so, keeps what was typed, and the first has the focus', async () => {
  await page.keyboard.press('Tab')
  await press(page.getByRole('navigation').getByRole('link', { name: 'Archives' }))
  await page.getByText('No archive yet').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.setViewportSize({ width: 1280, height: 844 })
  await press(page.getByRole('link', { name: 'New archive' }))
  await field('Name').waitFor()
  await page.getByText('one backup a day, for').waitFor()

  // nothing is filled in
  await press(button('Create archive'))
  await page.getByText('Give the archive a name.').waitFor()
  await page.getByText('Choose at least one stack.').waitFor()
  await focused(field('Name'))
  await type(field('Name'), hostile)

  const whole = page.getByRole('checkbox', { name: 'including new ones' })
  await press(whole, 'Space')
  await page.getByText('Today those are 3 stacks:').waitFor()
  await press(whole, 'Space')
  await type(page.getByRole('searchbox', { name: 'Search stacks' }), 'PHOTO')
  await expect.poll(() => page.getByRole('checkbox', { name: 'wiki' }).count()).toBe(0)
  await press(page.getByRole('checkbox', { name: 'Select all', exact: true }), 'Space')
  await page.getByText('1 of 3 selected').waitFor()

  await tabTo(page.getByRole('radio', { name: 'Stop' }))
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  expect(await page.getByRole('radio', { name: 'Live' }).isChecked()).toBe(true)
  await type(field('Longest downtime, in minutes'), '0')
  await type(field('Leave out'), '*.log\n[open')
  await type(field('Compression level'), '99')
  await page.getByText('Line 2 has a [ without its ]').waitFor()

  await press(page.getByRole('checkbox', { name: 'Run by itself' }), 'Space')
  await page.getByText('Every day at 03:00').waitFor()
  await type(field('Hours a run may be late'), '1000')
  await type(field('Time zone'), 'Mars/Olympus')
  await type(field('Days'), '-1')
  await page.getByText('Give a whole number from 0 to 10,000.').waitFor()

  await press(button('Create archive'))
  await page.getByText('6 fields need your attention.').waitFor()
  await focused(field('Longest downtime, in minutes'))
  for (const text of [
    'Give a number of minutes, from 0.2 to 1440.',
    'Give a whole number from 1 to 19.',
    'Choose a time zone from the list',
    'Give a number of hours, from 0 to 168.',
  ])
    await page.getByText(text).waitFor()
  expect(await field('Leave out').inputValue(), 'what was typed stays').toBe('*.log\n[open')
  expect(await field('Compression level').inputValue()).toBe('99')
  expect(await faultsOf(page)).toEqual([])

  await type(field('Longest downtime, in minutes'), '2')
  await type(field('Leave out'), '*.log\n/cache/')
  await type(field('Compression level'), '5')
  await type(field('Time zone'), 'Asia/Tokyo')
  await type(field('Hours a run may be late'), '6')
  await type(field('Days'), '7')
  await press(button('Create archive'))
  await page.getByText(`Created archive ${hostile}.`).waitFor()
  await page.getByText('Every day at 03:00 (Asia/Tokyo time) it packs 1 stack while it runs').waitFor()
  await page.getByRole('heading', { level: 1, name: hostile }).waitFor()
  expect(await page.locator('img[src=x]').count()).toBe(0)
  expect(await archiveNamed(hostile)).toMatchObject({
    mode: 'live',
    exclude: ['*.log', '/cache/'],
    level: 5,
    max_downtime: 120,
    catch_up_window: 21_600,
    schedule_cron: '0 3 * * *',
    time_zone: 'Asia/Tokyo',
  })
  expect(unexpected()).toEqual([])
})

test('a schedule is chosen in everyday terms or written, and its words, its picker and its next runs agree', async () => {
  const { id = 0 } = (await archiveNamed(hostile)) ?? {}
  await open(page, at(`/archives/${id}/edit`))
  const runs = page.locator('[data-next-runs] time')
  const times = () => runs.allInnerTexts()
  await tabTo(field('How often'))
  await page.keyboard.type('On days')
  await page.getByText('Every Monday at 03:00').waitFor()
  await tabTo(field('Time of day'))
  await page.keyboard.type('0745')
  await press(page.getByRole('checkbox', { name: 'Friday' }), 'Space')
  await page.getByText('Every Monday and Friday at 07:45').waitFor()
  await expect.poll(times).toHaveLength(5)
  for (const time of await times()) expect(time).toMatch(/^(Mon|Fri) .*, 07:45$/)
  await page.getByText('Next five runs, in Asia/Tokyo time').waitFor()

  await page.keyboard.press('Space')
  await tabTo(page.getByRole('checkbox', { name: 'Monday' }), 'Shift+Tab')
  await page.keyboard.press('Space')
  await page.getByText('Complete the fields to see when it runs.').waitFor()
  await press(button('Save'))
  await page.getByText('Choose at least one day.').waitFor()

  await tabTo(field('How often'), 'Shift+Tab')
  await page.keyboard.type('Cron')
  await type(field('Cron expression'), '0 0 31 2 *')
  await page.getByText('never comes round: no date is like that').first().waitFor()
  expect(await field('Cron expression').getAttribute('aria-invalid')).toBe('true')
  await type(field('Cron expression'), '*/7 1 * * *')
  await expect.poll(times).toHaveLength(5)
  await page.getByText('That is: */7 1 * * *').waitFor()
  await type(field('Cron expression'), '15 2 * * mon-fri')
  await page.getByText('Every Monday to Friday at 02:15').waitFor()

  await page.setViewportSize({ width: 1280, height: 844 })
  await press(button('Save'))
  await page.getByText(`Saved archive ${hostile}.`).waitFor()
  await page.getByText('Every Monday to Friday at 02:15 (Asia/Tokyo time)').first().waitFor()
  expect(await archiveNamed(hostile)).toMatchObject({ schedule_cron: '15 2 * * mon-fri', catch_up_window: 21_600 })
  expect(unexpected()).toEqual([])
})

test('a name that is taken is told at the name', async () => {
  const { body } = await house.api.get<{ stacks: { id: number; name: string }[] }>('/api/stacks')
  const wiki = body.stacks.find(({ name }) => name === 'wiki')
  await house.api.post('/api/archives', {
    name: 'nightly',
    stack_ids: [wiki?.id],
    mode: 'live',
    format: 'tar',
    time_zone: 'UTC',
  })
  await open(page, at('/archives'))
  await press(page.getByRole('link', { name: 'New archive' }))
  await press(page.getByRole('checkbox', { name: 'wiki' }), 'Space')
  await type(field('Name'), 'nightly')
  await press(button('Create archive'))
  await page.getByText('There is already an archive named "nightly"').waitFor()
  await focused(field('Name'))

  // what is typed is not left behind unasked
  const asked = page.getByRole('alertdialog', { name: 'Leave without saving?' })
  await press(page.getByRole('link', { name: 'Cancel' }))
  await press(button('Stay here'))
  await asked.waitFor({ state: 'hidden' })
  expect(await field('Name').inputValue()).toBe('nightly')
  await page.evaluate('history.back()')
  await asked.waitFor()
  await page.keyboard.press('Escape')
  await asked.waitFor({ state: 'hidden' })
  expect(new URL(page.url()).pathname).toBe('/archives/new')
  const closing = page.waitForEvent('dialog')
  await page.evaluate('void setTimeout(() => location.reload())')
  expect((await closing).type()).toBe('beforeunload')
  complaints.splice(complaints.indexOf('a dialog: '), 1)
  expect(await field('Name').inputValue()).toBe('nightly')
  await page.evaluate('history.back()')
  await press(button('Leave the page'))
  await page.waitForURL('**/archives')
  expect(unexpected()).toEqual([])
})

test('an archive is run, and its page says what stays, what goes and when', async () => {
  const { id = 0 } = (await archiveNamed('nightly')) ?? {}
  await open(page, at(`/archives/${id}`))
  await page.getByText('This archive has no backup yet.').waitFor()
  await press(button('Run nightly'))
  await page.waitForURL('**/history/*')
  await page.getByText('Succeeded', { exact: true }).first().waitFor()
  // as if it had run for weeks
  const { body } = await house.api.get<{ backups: { path: string }[] }>(`/api/backups?archive_id=${id}`)
  const made = body.backups[0]?.path ?? ''
  for (let days = 1; days < 40; days++) {
    const at = new Date(Date.now() - days * 86_400_000)
    const stamp = at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_')
    const path = made.replace(/[^/]*$/, `${stamp}_wiki.tar`)
    await copyFile(join(house.archivesDir, made), join(house.archivesDir, path))
    await house.database.sql`
      insert into archiver.backups (host_id, stack_id, archive_id, archive_name, stack_name, path, format, state, size_bytes,
        file_count, sha256, created_at, verified_at)
      select host_id, stack_id, archive_id, archive_name, stack_name, ${path}, format, state, size_bytes, file_count, sha256,
        ${at}, now()
      from archiver.backups where path = ${made}`
  }
  await house.database.sql`
    insert into archiver.missed_runs (archive_id, scheduled_for, reason)
    values (${id}, now() - interval '2 days', 'the server was in maintenance')`
  await open(page, at(`/archives/${id}`))
  await page.getByText('40 backups,').first().waitFor()
  await page.getByText('the server was in maintenance').waitFor()
  await page.locator('[data-last-result]').getByText('Succeeded').waitFor()
  expect(await faultsOf(page)).toEqual([])

  await page.setViewportSize({ width: 1280, height: 844 })
  await press(page.getByRole('link', { name: 'Edit' }))
  const sums = page.locator('[data-retention-preview] [data-sums-of=wiki]')
  await sums.getByText(/stay/).waitFor()
  const before = await sums.innerText()
  await type(field('Days'), '39')
  await expect.poll(() => sums.innerText()).not.toBe(before)
  await type(field('Days'), '2')
  await type(field('Weeks'), '0')
  await type(field('Months'), '0')
  await type(field('Years'), '0')
  await page.locator('[data-retention-preview]').getByText('2 backups stay').waitFor()
  await sums.getByText(/20 go now \(.*\), 18 go later/).waitFor()
  await press(page.locator('[data-retention-preview] summary'))
  await page.getByText('newest good backup, day 1 of 2', { exact: true }).waitFor()
  expect(await page.getByText('no rule keeps it', { exact: true }).count()).toBe(38)
  expect(await faultsOf(page)).toEqual([])
  await page.setViewportSize({ width: 1280, height: 844 })
  await type(field('Days'), '0')
  await page.getByText('Give at least one number of 1 or more').waitFor()
  await type(field('Days'), '2')
  await press(button('Save'))
  await page.getByText('Saved archive nightly.').waitFor()
  expect(unexpected()).toEqual([])
})

test('a dry run has three switches, and retention deletes only what it showed and what is confirmed by name', async () => {
  const { id = 0 } = (await archiveNamed('nightly')) ?? {}
  await press(button('Dry run…'))
  const dialog = page.getByRole('alertdialog')
  await dialog.waitFor()
  expect(await faultsOf(page)).toEqual([])
  for (const name of ['Stop containers', 'Make backups', 'Run retention'])
    await press(dialog.getByRole('checkbox', { name }), 'Space')
  await press(button('Start dry run'))
  await page.getByText('Choose at least one.').waitFor()
  await press(dialog.getByRole('checkbox', { name: 'Make backups' }), 'Space')
  await press(button('Start dry run'))
  await page.waitForURL('**/history/*')
  await page.getByText('the job has ended').waitFor()

  await open(page, at(`/archives/${id}?ask=retention`))
  await dialog.getByText('20 go now').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.setViewportSize({ width: 1280, height: 844 })
  await press(button(/^Delete 20 backups/))
  await page.getByText('Type the name as it is: nightly').waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  await expect.poll(() => new URL(page.url()).search).toBe('')
  await press(button('Run retention…'))
  await type(dialog.getByLabel('Type nightly to confirm'), 'nightly')
  await press(button(/^Delete 20 backups/))
  await page.waitForURL('**/history/*')
  await page.getByText('the job has ended').waitFor()
  await open(page, at(`/archives/${id}`))
  await page.getByText('20 backups,').first().waitFor()
  expect(unexpected()).toEqual([])
})

test('who may do less sees no button that would be refused, and the last result stands while the next run waits', async () => {
  const { id = 0 } = (await archiveNamed('nightly')) ?? {}
  await agent.stop()
  await house.run(id)
  for (const role of ['viewer', 'operator']) {
    const context = await browser.newContext()
    const other = await context.newPage()
    await signIn(other, house.server.url, role)
    await open(other, at('/archives'))
    await other.getByRole('heading', { name: 'nightly' }).waitFor()
    await other.getByText('Waiting').first().waitFor()
    const main = other.getByRole('main')
    expect(await main.getByRole('button', { name: /^Run/ }).count()).toBe(role === 'operator' ? 1 : 0)
    for (const name of ['New archive', /^Edit/]) expect(await main.getByRole('link', { name }).count()).toBe(0)
    if (role === 'operator') {
      await main.getByRole('button', { name: 'More for nightly' }).click()
      await other.getByRole('menuitem', { name: 'Run retention…' }).waitFor()
      expect(await other.getByRole('menuitem', { name: /Delete/ }).count()).toBe(0)
    }
    await open(other, at(`/archives/${id}?ask=delete`))
    await other.getByText('Waiting').first().waitFor()
    await other.locator('[data-last-result]').getByText('Succeeded').waitFor()
    for (const name of [/^Delete/, /^Edit/]) {
      expect(await main.getByRole('button', { name }).count()).toBe(0)
      expect(await main.getByRole('link', { name }).count()).toBe(0)
    }
    expect(await other.getByRole('alertdialog').count()).toBe(0)
    const { id: idle = 0 } = (await archiveNamed(hostile)) ?? {}
    await open(other, at(`/archives/${idle}`))
    await other.getByRole('heading', { level: 1, name: hostile }).waitFor()
    expect(await main.getByRole('button', { name: /^(Run|Dry run)/ }).count()).toBe(role === 'operator' ? 3 : 0)
    if (role === 'viewer') expect(await faultsOf(other)).toEqual([])
    await open(other, at(`/archives/${id}/edit`))
    await other.getByText('Only an administrator may change archives.').waitFor()
    await open(other, at('/archives/new'))
    await other.getByText('Only an administrator may make archives.').waitFor()
    await context.close()
  }
})

test('an archive is deleted with its backups or without, after its name was typed', async () => {
  await open(page, at('/archives'))
  await page.getByRole('heading', { name: 'nightly' }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  const { body } = await house.api.get<{ jobs: { id: number }[] }>('/api/jobs?status=queued')
  for (const { id } of body.jobs) await house.api.post(`/api/jobs/${id}/cancel`)
  await button('Run nightly').waitFor()

  await page.setViewportSize({ width: 1280, height: 844 })
  await press(button('More for nightly'))
  await page.getByRole('menuitem', { name: 'Delete archive…' }).waitFor()
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('alertdialog', { name: 'Delete archive nightly?' })
  await tabTo(dialog.getByRole('radio', { name: /^Keep its 20 backups/ }))
  await page.keyboard.press('ArrowDown')
  expect(await dialog.getByRole('radio', { name: /^Move its 20 backups \(.*\) to the trash/ }).isChecked()).toBe(true)
  await press(button('Delete nightly'))
  await page.getByText('Type the name as it is: nightly').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.setViewportSize({ width: 1280, height: 844 })
  await type(dialog.getByLabel('Type nightly to confirm'), 'nightly')
  await page.keyboard.press('Enter')
  await page.getByText('Deleted archive nightly. Its backups are moved to the trash.').waitFor()
  expect(await archiveNamed('nightly')).toBeUndefined()

  await press(page.getByRole('main').getByRole('link', { name: hostile, exact: true }))
  await press(button('Delete archive'))
  await page.getByText('It has no backups.').waitFor()
  await press(button(`Delete ${hostile}`))
  await page.getByText('No archive yet').waitFor()
  expect(await page.locator('img[src=x]').count()).toBe(0)
  expect(unexpected()).toEqual([])
})

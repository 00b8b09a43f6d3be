// Backups, links to them and the public pages behind links, as people use them.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Backup } from 'db/queries/backups'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, open } from '../testbed/browser.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { complaintsOf, faultsOf, signIn, tabTo } from '../testbed/pages.ts'
import { adminPassword } from '../testbed/processes.ts'
import { run } from '../testbed/run.ts'
import { until } from '../testbed/until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const hostile = '<img src=x onerror=alert(1)>'

const undo = new AsyncDisposableStack()
let house: House
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]
/** Two of wiki, the newer first; one of the hostile stack; one of wiki as a folder. */
let wiki: Backup[]
let bad: Backup
let folder: Backup

beforeAll(async () => {
  if (!existsSync(join(root, 'web/build/index.html'))) await run('npm', ['run', '-w', 'web', 'build'], { cwd: root })
  const stacks = undo.use(await temporaryFolder())
  for (const name of ['wiki', hostile]) {
    await mkdir(join(stacks.path, name), { recursive: true })
    await writeFile(join(stacks.path, name, 'compose.yaml'), 'services: {web: {image: busybox}}\n')
  }
  house = undo.use(await makeHouse({ stacksDirs: [stacks.path], containers: false }))
  await house.startAgent()
  const ofWiki = await house.findStack(join(stacks.path, 'wiki'))
  const ofBad = await house.findStack(join(stacks.path, hostile))
  const schedule = { schedule_enabled: true, schedule_cron: '0 3 * * *' }
  const nightly = await house.makeArchive('nightly', [ofWiki], { mode: 'live', ...schedule })
  const others = await house.makeArchive(hostile, [ofBad], { mode: 'live' })
  const folders = await house.makeArchive('folders', [ofWiki], { mode: 'live', format: 'folder' })
  for (const archive of [nightly, others, folders, nightly]) await house.ended(await house.run(archive))
  const of = async (archive: number) =>
    (await house.api.get<{ backups: Backup[] }>(`/api/backups?archive_id=${archive}`)).body.backups
  wiki = await of(nightly)
  ;[bad] = (await of(others)) as [Backup]
  ;[folder] = (await of(folders)) as [Backup]
  expect(wiki).toHaveLength(2)

  browser = undo.use(await launchBrowser())
  context = await browser.newContext()
  page = await context.newPage()
  await signIn(page, house.server.url)
  complaints = complaintsOf(page)
})

afterAll(() => undo.disposeAsync())

const newest = () => wiki[0] as Backup
const fileOf = ({ path }: Backup) => join(house.archivesDir, path)
const go = (path: string) => open(page, house.server.url + path)
const rowOf = ({ id }: Backup) => page.locator(`[data-backup="${id}"]`)
const button = (name: string | RegExp) => page.getByRole('button', { name })

test('a backup says by its page how it is, why it stays, what is in it and how it came about', async () => {
  await go(`/backups/${newest().id}`)
  await page.getByText('It stays as').waitFor()
  await page.getByText(/the newest good backup, day 1 of 7/).waitFor()
  await page.getByText(/goes about \d+ \w+/).waitFor()
  await page.getByText(newest().sha256, { exact: true }).waitFor()
  await page.getByText('the directory of the stack').waitFor()
  await page.getByText('No mount was left out.').waitFor()
  await page.getByText('Made and read back').waitFor()
  expect(await faultsOf(page)).toEqual([])
})

test('by keyboard alone a backup goes to the trash and comes back', async () => {
  await tabTo(page.getByRole('button', { name: 'Delete', exact: true }))
  await page.keyboard.press('Enter')
  await page.getByRole('alertdialog', { name: /^Delete the backup of wiki of / }).waitFor()
  await page.getByText(/go to the trash of host/).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.keyboard.press('Escape')
  await tabTo(page.getByRole('button', { name: 'Delete', exact: true }))
  await page.keyboard.press('Enter')
  await tabTo(page.getByRole('button', { name: 'Delete the backup', exact: true }))
  await page.keyboard.press('Enter')
  await page.getByText('In the trash').first().waitFor()
  await page.getByText('goes for good').waitFor()
  expect(existsSync(fileOf(newest()))).toBe(false)
  expect(await faultsOf(page)).toEqual([])
  await tabTo(page.getByRole('button', { name: 'Take back', exact: true }))
  await page.keyboard.press('Enter')
  await page.getByText('Taken out of the trash', { exact: true }).waitFor()
  await button('Delete').waitFor()
  expect(existsSync(fileOf(newest()))).toBe(true)
})

test('verifying tells what was found, right or damaged; pinning keeps', async () => {
  await go(`/backups/${bad.id}`)
  await page.getByRole('heading', { name: hostile }).waitFor()
  await button('Verify now').click()
  await page.getByText('read back once since').waitFor()
  const content = await readFile(fileOf(bad))
  await writeFile(fileOf(bad), Buffer.from(content).fill(0, 40, 60))
  await button('Verify now').click()
  await page.getByText('Corrupt').first().waitFor()
  await page.getByText(/When it was read back last: .*damaged/).waitFor()
  await button('Download').waitFor({ state: 'hidden' })
  expect(await faultsOf(page)).toEqual([])
  await writeFile(fileOf(bad), content)
  await button('Verify now').click()
  await page.getByText('read back 2 times since').waitFor()

  await button('Pin').click()
  await page.getByText('It stays until somebody unpins it.').waitFor()
  await button('Delete').waitFor({ state: 'hidden' })
  expect(await page.locator('img[src=x]').count()).toBe(0)
})

test('a backup much smaller than before holds retention until somebody says that it is right', async () => {
  const { sql } = house.database
  const [older] = [wiki[1] as Backup]
  await sql`update archiver.backups set file_count = file_count * 10 where id = ${older.id}`
  await go(`/backups/${older.id}`)
  await page.getByText('Nothing of this stack is removed at the moment.').waitFor()
  await page.getByRole('link', { name: 'Open the backup it is about' }).click()
  await page.getByText(/Retention waits: the newest backup has 1 files?, the one before it \d+/).waitFor()
  await button('This size is right').click()
  await page.getByText(/goes about/).waitFor()
  await page.getByText('Acknowledged as right').waitFor()
  await sql`update archiver.backups set file_count = file_count / 10 where id = ${older.id}`
})

test('a download link is shown once, and its bytes are the backup’s', async () => {
  await go(`/backups/${newest().id}`)
  await button('Download').click()
  await page.getByText('a link that works for 24 hours').waitFor()
  await page.getByLabel('Mail it to').fill('ada@example.org\nnot an address')
  await button('Make the link').click()
  await page.getByText('“not” is not an e-mail address.').waitFor()
  expect(await page.getByLabel('Mail it to').inputValue()).toBe('ada@example.org\nnot an address')
  expect(await page.locator(':focus').getAttribute('id')).toBe('link-emails')
  expect(await faultsOf(page)).toEqual([])
  await page.getByLabel('Mail it to').fill('')
  await button('Make the link').click()
  await page.getByText('it is shown only this once').waitFor()
  const url = await page.getByLabel('Link', { exact: true }).inputValue()
  expect(url).toMatch(/\/download\/[\w-]{43}$/)
  const file = page.getByRole('link', { name: 'Download the file' })
  await file.waitFor()
  expect(await faultsOf(page)).toEqual([])
  const [download] = await Promise.all([page.waitForEvent('download'), file.click()])
  const bytes = await readFile(await download.path())
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(newest().sha256)
  await button('Close').click()

  await page.getByRole('link', { name: '1 link leads to it' }).click()
  await page.getByText(/Used once, last/).waitFor()
  expect(await page.content(), 'the link itself is told nowhere again').not.toContain(url.slice(-43))
})

test('links are listed, mailed and deleted; a folder backup is packed first', async () => {
  const made = await house.api.post<{ download_url: string }>('/api/downloads/request', { backup_id: folder.id })
  expect(made.status).toBe(201)
  await go('/downloads')
  const row = page.locator('[data-download]').first()
  await row.getByText('Ready').waitFor()
  await row.getByRole('link', { name: /\.tar\.zst$/ }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await row.getByRole('button', { name: 'Mail it' }).click()
  await button('Mail the link').click()
  await page.getByText('Give at least one e-mail address.').waitFor()
  expect(await page.locator(':focus').getAttribute('id')).toBe('mail-emails')
  expect(await faultsOf(page)).toEqual([])
  await page.keyboard.press('Escape')
  await row.getByRole('button', { name: 'Delete link' }).click()
  await page.getByRole('alertdialog', { name: /^Delete the link to / }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete link' }).click()
  await page.getByText('The link no longer works.').waitFor()
  expect((await fetch(made.body.download_url)).status).toBe(404)
})

test('the list is filtered by its address, and several go to the trash once their archive is named', async () => {
  await go(`/backups?search=${encodeURIComponent('nothing of the kind')}`)
  await page.getByText('No backup matches.').waitFor()
  await page.getByPlaceholder('Search backups').fill('nightly')
  await page.getByText('2 backups, ').waitFor()
  expect(new URL(page.url()).searchParams.get('search')).toBe('nightly')
  await page.getByLabel('Select all shown').check()
  await page
    .getByText(/2 backups selected, /)
    .first()
    .waitFor()
  expect(await faultsOf(page)).toEqual([])
  await button('Delete').click()
  const dialog = page.getByRole('alertdialog', { name: /^Delete 2 backups, [\d.]+ \w+\?$/ })
  await dialog.getByLabel('Type nightly to confirm').fill('nightl')
  await dialog.getByRole('button', { name: 'Delete 2 backups' }).click()
  await page.getByText('Type nightly exactly as it stands here.').waitFor()
  expect(await page.locator(':focus').inputValue()).toBe('nightl')
  expect(await faultsOf(page)).toEqual([])
  await page.keyboard.type('y')
  await page.keyboard.press('Enter')
  await page.getByText('No backup matches.').waitFor()

  await page.getByLabel('Show', { exact: true }).selectOption('In the trash')
  for (const backup of wiki) await rowOf(backup).getByText('goes for good').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.getByLabel('Select all shown').check()
  await button('Take back').click()
  await page.getByText('The trash is empty.').waitFor()
  await go('/backups')
  for (const backup of [...wiki, bad, folder]) await rowOf(backup).waitFor()
  await rowOf(bad).getByText('Pinned').waitFor()
  expect(await faultsOf(page)).toEqual([])
  expect(await page.locator('img[src=x]').count()).toBe(0)
})

test('nobody sees a button that would be refused', async () => {
  for (const role of ['viewer', 'operator']) {
    const answer = await page.request.post(`${house.server.url}/api/users`, {
      headers: { origin: house.server.url },
      data: { username: role, email: `${role}@example.org`, password: adminPassword, role },
    })
    expect(answer.ok(), await answer.text()).toBe(true)
  }
  const seen: Record<string, string[]> = {}
  for (const role of ['viewer', 'operator']) {
    await using theirs = await browser.newContext()
    const page = await theirs.newPage()
    await signIn(page, house.server.url, role)
    const offered: string[] = []
    for (const path of [`/backups/${newest().id}`, '/downloads', '/backups']) {
      await open(page, house.server.url + path)
      await page
        .locator('#content')
        .getByText(/^(Verified|Used once)/)
        .first()
        .waitFor()
      const content = page.locator('#content').getByRole('button')
      for (const name of await content.allInnerTexts()) if (name.trim() !== '') offered.push(name.split('\n')[0] ?? '')
      offered.push(...((await page.getByRole('checkbox').count()) > 0 ? ['boxes'] : []))
    }
    seen[role] = offered
  }
  expect(seen['viewer']).toEqual([])
  expect(seen['operator']).toEqual(['Download', 'Verify now', 'Pin', 'Mail it', 'Delete link', 'boxes'])
})

test('the public pages say what is behind a link in every state, and need no script', async () => {
  const { sql } = house.database
  await using strangers = await browser.newContext()
  const page = await strangers.newPage()
  const complaints = complaintsOf(page)
  const linkTo = async (backup: Backup) =>
    (await house.api.post<{ download_url: string }>('/api/downloads/request', { backup_id: backup.id })).body
      .download_url
  const says = async (url: string, ...texts: (string | RegExp)[]) => {
    await open(page, url)
    for (const text of texts) await page.getByText(text).first().waitFor()
    expect(await page.locator('script').count()).toBe(0)
    expect(await faultsOf(page)).toEqual([])
  }

  const whole = await linkTo(bad)
  await says(`${whole}?about`, `A backup of ${hostile}`, bad.sha256, 'SHA-256', 'Link works until', 'curl -C -')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: /^Download \(/ }).click(),
  ])
  const bytes = await readFile(await download.path())
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(bad.sha256)

  const packed = await linkTo(folder)
  await until('the folder to be packed', async () => (await fetch(packed, { method: 'HEAD' })).status === 200)
  await sql`update archiver.prepared_files set state = 'preparing' where backup_id = ${folder.id}`
  await says(packed, 'The file is being prepared', 'This page looks again by itself.')
  await sql`update archiver.prepared_files set state = 'ready' where backup_id = ${folder.id}`
  await page.getByText('The file is ready.').waitFor()

  await sql`update archiver.prepared_files set state = 'failed' where backup_id = ${folder.id}`
  await says(packed, 'The file has to be prepared first')
  await page.getByLabel('Your e-mail address').fill('somebody@localhost')
  await inPage(page, 'Prepare it').click()
  await page.getByRole('alert').getByText('Please look again').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.getByLabel('Your e-mail address').fill('somebody@example.org')
  await inPage(page, 'Prepare it').click()
  await page.getByText('You will get a mail').waitFor()
  expect(await faultsOf(page)).toEqual([])

  await sql`update archiver.downloads set expires_at = now() - interval '1 second' where backup_id = ${folder.id}`
  await says(packed, 'This link has expired')
  await sql`update archiver.backups set trashed_at = now() where id = ${bad.id}`
  await says(whole, 'This backup is not to be had', 'in the trash')
  await sql`update archiver.backups set trashed_at = null where id = ${bad.id}`
  await sql`update archiver.hosts set last_seen_at = now() - interval '2 minutes'`
  await says(`${house.server.url}/download/unknown`, 'This link does not work')
  expect(await page.locator('img[src=x]').count()).toBe(0)
  expect(complaints.filter((text) => !/status of (404|410|422)/.test(text))).toEqual([])
})

test('no page has complained', () => {
  expect(complaints).toEqual([])
})

const inPage = (page: Page, name: string) => page.getByRole('button', { name })

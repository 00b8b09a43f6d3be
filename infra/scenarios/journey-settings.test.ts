// Settings, users, tokens, the profile, hosts and signing in, as a person goes through them.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startMailServer } from '../../functions/testing/mail-server.ts'
import { launchBrowser, open, reload } from '../testbed/browser.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { addUser, complaintsOf, faultsOf, hasFocus, signIn, tabTo } from '../testbed/pages.ts'
import { adminPassword } from '../testbed/processes.ts'
import { until } from '../testbed/until.ts'

const hostile = '<img src=x onerror=alert(1)>'
const undo = new AsyncDisposableStack()
let house: House
let browser: Browser
let page: Page
let complaints: string[]
/** Refusals that a test asks for are told on the console, too. */
const unexpected = () => complaints.filter((text) => !/status of (409|422|429|401|502)/.test(text))

beforeAll(async () => {
  const folder = undo.use(await temporaryFolder())
  await mkdir(join(folder.path, 'wiki'))
  await writeFile(join(folder.path, 'wiki/compose.yaml'), 'services: {}\n')
  house = undo.use(await makeHouse({ stacksDirs: [folder.path], containers: false }))
  await house.startAgent()
  await house.makeArchive('nightly', [await house.findStack(join(folder.path, 'wiki'))], { mode: 'live' })
  await addUser(house.server.url, 'vera', 'viewer')
  await addUser(house.server.url, 'olaf', 'operator')
  browser = undo.use(await launchBrowser())
  page = await (await browser.newContext()).newPage()
  complaints = complaintsOf(page)
})

afterAll(() => undo.disposeAsync())

const go = (path: string) => open(page, house.server.url + path)
const heading = (name: string, of = page) => of.getByRole('heading', { name, exact: true, level: 1 })
const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
const said = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor()

/** The field is marked, says this, has the focus, and keeps what was typed. */
async function refused(field: string, text: string, typed?: string) {
  const input = page.getByLabel(field, { exact: true })
  await page.getByText(text, { exact: true }).waitFor()
  await until(`${field} to have the focus`, () => hasFocus(input))
  expect(await input.getAttribute('aria-invalid')).toBe('true')
  if (typed !== undefined) expect(await input.inputValue()).toBe(typed)
}

test('one signs in and switches maintenance mode with the keyboard alone', async () => {
  await go('/settings/general')
  await tabTo(page.getByLabel('User name'))
  await page.keyboard.press('Enter')
  await page.getByText('Enter your user name.').waitFor()
  await page.keyboard.type('admin')
  await page.keyboard.press('Tab')
  await page.keyboard.type('not the password')
  await page.keyboard.press('Enter')
  await page.getByText('User name or password is wrong.').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await until('the password to have the focus', () => hasFocus(page.getByLabel('Password')))
  await page.keyboard.press('Control+a')
  await page.keyboard.type(adminPassword)
  await page.keyboard.press('Enter')
  await heading('General').waitFor()

  await tabTo(page.getByLabel('Maintenance mode'))
  await page.keyboard.press('Space')
  await said('Maintenance mode is on.')
  await page.getByText('Maintenance mode is on: schedules wait.').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.keyboard.press('Space')
  await said('Maintenance mode is off.')
  await page.getByText('Maintenance mode is on: schedules wait.').waitFor({ state: 'hidden' })
})

test('the sections stand beside on a wide screen, and are a list on a phone', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  await go('/settings')
  await page.getByRole('link', { name: /^Cleanup/ }).click()
  await heading('Cleanup').waitFor()
  await page.getByRole('link', { name: 'All settings' }).click()
  await heading('Settings').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.waitForURL('**/settings/general')
})

test('a mail server is set, tested, and its answers are told', async () => {
  await using mails = await startMailServer({ account: { user: 'backup', password: 'secret 7' } })
  await page.setViewportSize({ width: 1280, height: 844 })
  await go('/settings/notifications')
  await page.getByText('No mail yet').waitFor()
  await press('Send test mail')
  await page.getByText('No mail server is set, so nothing can be sent').waitFor()

  await page.getByLabel('Server', { exact: true }).fill('smtp://127.0.0.1')
  await page.getByLabel('Port').fill('')
  await page.getByLabel('From').fill('Backups <backup')
  await page.getByLabel('Further recipients').fill('ops@example.org\nnobody')
  await press('Save')
  const wrong =
    'Must be the name or address of a mail server, such as smtp.example.org, without port and without smtp://'
  await refused('Server', wrong, 'smtp://127.0.0.1')
  await page.getByText('Must be a whole number').waitFor()
  await page.getByText('Must be an e-mail address, such as ada@example.org').waitFor()
  await page.getByText('Must be an e-mail address, or a name and one: Backups <backup@example.org>').waitFor()
  expect(await page.getByLabel('From').getAttribute('aria-invalid')).toBe('true')
  expect(await page.getByLabel('From').inputValue()).toBe('Backups <backup')
  expect(await faultsOf(page)).toEqual([])
  await page.setViewportSize({ width: 1280, height: 844 })

  await page.getByLabel('Server', { exact: true }).fill('127.0.0.1')
  await page.getByLabel('Port').fill(String(mails.port))
  await page.getByLabel('Encryption').selectOption('none')
  await page.getByLabel('User name').fill('backup')
  await page.getByLabel('Password', { exact: true }).fill('wrong')
  await page.getByLabel('From').fill('Backups <backup@example.org>')
  await page.getByLabel('Further recipients').fill('ops@example.org')
  await press('Save')
  await said('Saved: Notifications.')
  await page.getByText('One is stored. Leave this empty to keep it.').waitFor()
  expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe('')
  await press('Send test mail')
  const authentication = page.getByRole('alert').filter({ hasText: 'refused the user name or password' })
  await authentication.waitFor()
  await page.getByRole('listitem').filter({ hasText: 'Not sent' }).waitFor()

  await page.getByLabel('Password', { exact: true }).fill('secret 7')
  await page.getByText('You have changes that are not saved.').first().waitFor()
  await press('Save')
  await said('Saved: Notifications.')
  await page.getByLabel('To', { exact: true }).fill('ada@example.org')
  await press('Send test mail')
  await page.getByText('The mail server took the mail for ada@example.org. It answered:').waitFor()
  await page.getByRole('listitem').filter({ hasText: 'ada@example.org' }).getByText('Sent', { exact: true }).waitFor()
  expect(mails.received.map(({ recipients }) => recipients)).toEqual([['ada@example.org']])
  expect(await faultsOf(page)).toEqual([])
})

test('images and permissions are set, and permissions are checked by a job', async () => {
  await go('/settings/security')
  await page.getByLabel('Always pull images on start').check()
  await page.getByLabel('Pull inactivity timeout (seconds)').fill('-1')
  await press('Save')
  await refused('Pull inactivity timeout (seconds)', 'Must be 0 or more', '-1')
  await page.getByLabel('Pull inactivity timeout (seconds)').fill('60')
  await press('Save')
  await said('Saved: Security.')
  await press('Fix permissions')
  await page.getByRole('alertdialog', { name: 'Fix permissions of all backups?' }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await press('Leave them')
  await press('Check permissions')
  await page.waitForURL('**/history/*')
  const { body } = await house.api.get<{ settings: { security: object } }>('/api/settings')
  expect(body.settings.security).toMatchObject({ always_pull: true, pull_inactivity_timeout: 60 })
})

test('the cleanup is scheduled, shown with its next runs, and run', async () => {
  await page.setViewportSize({ width: 1280, height: 844 })
  await go('/settings/cleanup')
  await page.getByText('Never run').waitFor()
  await page.getByText('Every day at 02:30').first().waitFor()
  await page.getByText('That is: Every day at 02:30').waitFor()
  await page.getByLabel('How often').selectOption('Cron expression')
  await page.getByLabel('Cron expression').fill('0 0 31 2 *')
  await page.getByLabel('Keep logs for (days)').fill('0')
  await press('Save')
  await until('the expression to have the focus', () => hasFocus(page.getByLabel('Cron expression')))
  await page.getByText('"0 0 31 2 *" never comes round: no date is like that').first().waitFor()
  expect(await page.getByLabel('Cron expression').inputValue()).toBe('0 0 31 2 *')
  await page.getByLabel('How often').selectOption('Every day')
  await page.getByLabel('Time of day').fill('04:15')
  await page.getByText('That is: Every day at 04:15').waitFor()
  await page.getByLabel('Keep logs for (days)').fill('30')
  await press('Save')
  await said('Saved: Cleanup.')
  await page
    .getByText(/04:15:00/)
    .first()
    .waitFor()
  await press('Run the cleanup')
  await page.getByRole('alertdialog', { name: 'Run the cleanup now?' }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await press('Not now')
  await page.setViewportSize({ width: 1280, height: 844 })
  await press('Dry run')
  await page.waitForURL('**/history/*')
  await go('/settings/cleanup')
  await page.getByText('What the last run found').waitFor()
  await page.getByText('Dry run', { exact: true }).first().waitFor()
  expect(await faultsOf(page)).toEqual([])
})

test('users are added, changed, locked out and deleted; the last admin is protected', async () => {
  await page.setViewportSize({ width: 1280, height: 844 })
  await go('/settings/users')
  await page.getByLabel('User name').fill('VERA')
  await page.getByLabel('E-mail address').fill('ida@example.org')
  await page.getByLabel('Password').fill('a long password')
  await press('Add user')
  await refused('User name', 'There is already a user named "VERA"', 'VERA')
  await page.getByLabel('User name').fill('ida')
  await page.getByLabel('Password').fill('short')
  await press('Add user')
  await refused('Password', 'Must have at least 8 characters', 'short')
  expect(await faultsOf(page)).toEqual([])
  await page.setViewportSize({ width: 1280, height: 844 })
  await page.getByLabel('Password').fill('a long password')
  await press('Add user')
  await said('Added ida. They can sign in now.')

  await page.getByRole('link', { name: /^ida/ }).click()
  await heading('ida').waitFor()
  await page.getByLabel('Role', { exact: true }).selectOption('operator')
  await page.locator('form').filter({ hasText: 'Role' }).getByRole('button', { name: 'Save' }).click()
  await said('Saved ida.')
  await page.getByLabel('New password', { exact: true }).fill('short')
  await press('Set a new password')
  await refused('New password', 'Must have at least 8 characters', 'short')
  await page.getByLabel('New password', { exact: true }).fill('another long one')
  await press('Set a new password')
  await said('The password of ida is set.')

  const theirs = await (await browser.newContext()).newPage()
  await open(theirs, house.server.url)
  await theirs.getByLabel('User name').fill('ida')
  await theirs.getByLabel('Password').fill('another long one')
  await theirs.getByRole('button', { name: 'Sign in' }).click()
  await heading('Dashboard', theirs).waitFor()
  // by itself
  await page.getByRole('button', { name: 'Sign out: Chrome on Linux' }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.setViewportSize({ width: 1280, height: 844 })

  await page.getByLabel('Why (optional)').fill(hostile)
  await press('Lock out')
  await said('ida is locked out.')
  await page.getByText(`Locked out: ${hostile}`).first().waitFor()
  await page.getByText('Not signed in anywhere.').waitFor()
  await press('Let in again')
  await said('ida may sign in again.')
  await press('Delete user')
  await page.getByRole('alertdialog', { name: 'Delete ida?' }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await press('Delete ida')
  await page.waitForURL('**/settings/users')
  await page.getByRole('link', { name: /^ida/ }).waitFor({ state: 'hidden' })

  await page.getByRole('link', { name: /^admin/ }).click()
  await page.getByText('This is the last administrator who can sign in.').first().waitFor()
  expect(await page.getByLabel('Role', { exact: true }).isDisabled()).toBe(true)
  expect(await page.getByRole('button', { name: 'Delete user' }).count()).toBe(0)
})

test('the audit log tells who did what', async () => {
  await go('/settings/audit')
  await page.getByText('deleted user ida').waitFor()
  await page.getByLabel('About').selectOption('settings')
  await page.getByText('changed settings: security').waitFor()
  await page.getByText('deleted user ida').waitFor({ state: 'hidden' })
  await page.locator('details', { hasText: 'pull_inactivity_timeout: 60' }).first().locator('summary').click()
  await page.getByText('pull_inactivity_timeout: 60').first().waitFor()
  expect(await page.locator('body').innerText()).not.toContain('secret 7')
  expect(await faultsOf(page)).toEqual([])
})

test('a token is shown once, works, and is deleted', async () => {
  await page.setViewportSize({ width: 1280, height: 844 })
  await go('/settings/tokens')
  await press('Make token')
  await refused('What it is for', 'Must not be empty', '')
  await page.getByLabel('What it is for').fill(hostile)
  await page.getByLabel('It may').selectOption('viewer')
  await press('Make token')
  const token = await page.getByRole('group', { name: 'Token' }).innerText()
  const ask = (path: string, method = 'GET') =>
    fetch(house.server.url + path, { method, headers: { authorization: `Bearer ${token}` } })
  expect((await ask('/api/archives')).status).toBe(200)
  expect((await ask('/api/archives/1/run', 'POST')).status).toBe(403)
  expect(await faultsOf(page)).toEqual([])
  await reload(page)
  await page.getByText(hostile, { exact: true }).first().waitFor()
  expect(await page.locator('body').innerText()).not.toContain(token)
  await press(`Delete ${hostile}`)
  await page.getByRole('alertdialog', { name: `Delete the token ${hostile}?` }).waitFor()
  await press('Delete the token')
  await said(`Deleted the token ${hostile}.`)
  expect((await ask('/api/archives')).status).toBe(401)
  expect(await page.locator('img[src=x]').count()).toBe(0)
})

test('viewers and operators are offered their sections alone, and told so elsewhere', async () => {
  for (const name of ['vera', 'olaf']) {
    const other = await (await browser.newContext()).newPage()
    await signIn(other, house.server.url, name)
    const said = complaintsOf(other)
    await open(other, `${house.server.url}/settings`)
    await heading('General', other).waitFor()
    const nav = other.getByRole('navigation', { name: 'Sections of the settings' })
    expect(await nav.getByRole('link').allInnerTexts()).toEqual(['General', 'Cleanup', 'Tokens'])
    expect(await other.getByRole('switch', { name: /^Maintenance mode/ }).isDisabled()).toBe(true)
    for (const path of ['notifications', 'security', 'users', 'audit']) {
      await open(other, `${house.server.url}/settings/${path}`)
      await other.getByText('Only an administrator may see this part of the settings.').waitFor()
    }
    await nav.getByRole('link', { name: 'Cleanup' }).click()
    await other.getByLabel('How often').waitFor()
    expect(await other.getByLabel('How often').isDisabled()).toBe(true)
    expect(await other.getByRole('button', { name: /Save|Run the cleanup|Dry run/ }).count()).toBe(0)
    await open(other, `${house.server.url}/hosts/${house.host.id}`)
    await other.getByRole('heading', { name: 'Folders given to the agent' }).waitFor()
    expect(await other.getByRole('button', { name: 'Save' }).count()).toBe(0)
    expect(said).toEqual([])
    await other.context().close()
  }
})

test('a profile: address, password, other browsers, theme', async () => {
  const other = await (await browser.newContext()).newPage()
  await signIn(other, house.server.url, 'vera')
  const mine = await (await browser.newContext()).newPage()
  await signIn(mine, house.server.url, 'vera')
  const admin = page
  page = mine
  try {
    await go('/profile')
    await page.getByLabel('E-mail address').fill('admin@example.org')
    await press('Save address')
    await refused('E-mail address', 'There is already a user with the address admin@example.org', 'admin@example.org')
    await page.getByLabel('E-mail address').fill('vera@example.net')
    await press('Save address')
    await said('Saved your address.')
    await page.getByText('this browser').waitFor()
    await page.getByLabel('Current password').fill('not it')
    await page.getByLabel('New password', { exact: true }).fill('a longer password')
    await page.getByLabel('New password again').fill('another')
    await press('Change password')
    await refused('New password again', 'The two passwords differ.')
    await page.getByLabel('New password again').fill('a longer password')
    await press('Change password')
    await refused('Current password', 'Is not your password', 'not it')
    expect(await faultsOf(page)).toEqual([])
    await page.getByLabel('Current password').fill(adminPassword)
    await press('Change password')
    await said('Your password is changed.')
    const others = page.getByRole('button', { name: /^Sign out: Chrome/ })
    await until('the other browsers to be signed out', async () => (await others.count()) === 0)
    await reload(other)
    await other.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.getByRole('radio', { name: 'Light' }).check()
    await page.locator('html:not(.dark)').waitFor({ state: 'attached' })
  } finally {
    page = admin
  }
})

test('a host tells how it is, and how many stacks it archives side by side', async () => {
  await page.setViewportSize({ width: 1280, height: 844 })
  await go('/hosts')
  await page.getByLabel('Name of the host').fill('No Name')
  await press('Add host')
  await refused(
    'Name of the host',
    'Give a name of lower-case letters, digits, dots, dashes or underscores, at most 40 characters.',
  )
  await page.getByRole('link', { name: house.host.name, exact: true }).click()
  await page.getByText('Agent online').waitFor()
  await page.getByRole('link', { name: 'nightly' }).first().waitFor()
  await page.getByRole('link', { name: /^Permissions of backups/ }).waitFor()
  await page.getByLabel('Stacks archived side by side').fill('17')
  await press('Save')
  await refused('Stacks archived side by side', 'Must be 16 or less', '17')
  expect(await faultsOf(page)).toEqual([])
  await page.getByLabel('Stacks archived side by side').fill('2')
  await press('Save')
  await said('Saved how many stacks are archived side by side.')
  await go('/hosts/999')
  await page.getByText('There is no host with the number 999.').waitFor()
})

test('after too many wrong passwords the page says how long to wait', async () => {
  const stranger = await (await browser.newContext()).newPage()
  await open(stranger, `${house.server.url}/login`)
  await stranger.getByLabel('User name').fill('olaf')
  for (let tries = 0; tries < 10; tries++)
    await fetch(`${house.server.url}/api/auth/sign-in/username`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: house.server.url },
      body: JSON.stringify({ username: 'olaf', password: 'guessed' }),
    })
  await stranger.getByLabel('Password').fill(adminPassword)
  await stranger.getByRole('button', { name: 'Sign in' }).click()
  await stranger.getByText(/Too many wrong passwords. Try again in 9 min \d+ s\./).waitFor()
  expect(await stranger.getByRole('button', { name: 'Sign in' }).isDisabled()).toBe(true)
  expect(await faultsOf(stranger)).toEqual([])
  expect(unexpected()).toEqual([])
})

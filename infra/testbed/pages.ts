// What tests of pages look at, whatever the page is about.
import { gzipSync } from 'node:zlib'
import axe from 'axe-core'
import type { Locator, Page, Response } from 'playwright-core'
import { networkChanged, open } from './browser.ts'
import { adminPassword } from './processes.ts'

/** What a page complained of: console errors, uncaught errors, dialogs that a script opened. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    const text = message.text()
    if (/^(error|warning)$/.test(message.type()) && !text.includes(networkChanged)) complaints.push(text)
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return complaints
}

/** As the admin every test server has, or as another user with the same password. */
export async function signIn(page: Page, url: string, username = 'admin'): Promise<void> {
  await open(page, url)
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(adminPassword)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor()
}

/** Only a person may add people, so the admin signs in first. The password is the admin's. */
export async function addUser(url: string, username: string, role: 'viewer' | 'operator' | 'admin'): Promise<void> {
  const headers = { 'content-type': 'application/json', origin: url }
  const post = (path: string, body: object, cookie = '') =>
    fetch(url + path, { method: 'POST', headers: { ...headers, cookie }, body: JSON.stringify(body) })
  const signedIn = await post('/api/auth/sign-in/username', { username: 'admin', password: adminPassword })
  const cookie = signedIn.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ')
  const user = { username, email: `${username}@example.org`, password: adminPassword, role }
  const made = await post('/api/users', user, cookie)
  if (made.status !== 201) throw new Error(`The user was refused: ${await made.text()}`)
}

/** What axe finds, and whether the page is wider than the screen: in light on a wide one, in dark on a phone. */
export async function faultsOf(page: Page): Promise<string[]> {
  const faults: string[] = []
  for (const [colorScheme, width] of [
    ['light', 1280],
    ['dark', 390],
  ] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height: 844 })
    // a page without scripts needs no time to follow
    const followed = colorScheme === 'dark' ? 'html.dark, html:not(:has(script))' : 'html:not(.dark)'
    await page.locator(followed).waitFor({ state: 'attached' })
    const about = `${new URL(page.url()).pathname}, ${colorScheme}, ${width} px`
    const tooWide = await page.locator('html').evaluate((html) => html.scrollWidth - html.clientWidth)
    if (tooWide > 0) faults.push(`${about}: scrolls sideways by ${tooWide} px`)
    for (const violation of await violationsOn(page)) faults.push(`${about}: ${violation}`)
  }
  return faults
}

/**
 * Of all of axe's rules. Not by its builder for Playwright: that compiles the half megabyte of axe twice for each question,
 * brings back all that was right, and took half of what a browser did in all tests.
 */
async function violationsOn(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe.source)
  return await page.locator('html').evaluate(async (html) => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') }
    const { violations } = await axe.run(html, { resultTypes: ['violations'] })
    return violations.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
  })
}

/** Bytes of JavaScript that a browser fetches to show this page for the first time, gzipped, until `ready`. */
export async function firstLoadOf(page: Page, url: string, ready: () => Promise<unknown>): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.clearBrowserCache')
  const sizes: Promise<number>[] = []
  const note = (response: Response) => {
    if (response.url().endsWith('.js')) sizes.push(response.body().then((body) => gzipSync(body).length))
  }
  page.on('response', note)
  await open(page, url)
  await ready()
  page.off('response', note)
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
}

/** Goes there with the keyboard, as somebody without a mouse does. */
export async function tabTo(target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await target.waitFor({ state: 'attached' })
  for (let presses = 0; presses < 150; presses++) {
    if (await hasFocus(target)) return
    await target.page().keyboard.press(key)
  }
  throw new Error(`The keyboard does not reach ${target.toString()}`)
}

export const hasFocus = (target: Locator): Promise<boolean> => target.evaluate((element) => element.matches(':focus'))

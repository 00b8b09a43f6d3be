// `npm run screenshots`: starts the demo and takes the pictures of README.md, in light and dark.
import '../start/follow-parent.ts'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { messageOf } from 'db/domain/errors'
import { buildWebIfStale } from '../start/build-web.ts'
import { launchBrowser } from '../testbed/browser.ts'
import { until } from '../testbed/until.ts'
import { startDemo, type Demo } from './demo.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'infra', 'screenshots')

interface Picture {
  name: string
  width?: number
  height?: number
  /** From the dashboard to what is to be seen. */
  go(page: Page): Promise<void>
}

const pictures: Picture[] = [
  { name: 'dashboard', height: 900, go: async () => {} },
  { name: 'phone', width: 390, height: 844, go: async () => {} },
  { name: 'stack', go: (page) => byLinks(page, 'Stacks', 'nextcloud') },
  { name: 'archive', go: (page) => byLinks(page, 'Archives', 'Nightly') },
  { name: 'job', go: (page) => toJob(page) },
  { name: 'backups', go: (page) => byLinks(page, 'Backups') },
  { name: 'settings', go: (page) => byLinks(page, 'Settings') },
]

const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort())

try {
  await buildWebIfStale(root, ending.signal)
  await using demo = await startDemo({
    folder: resolve(root, process.env['DEMO_DIR'] || 'demo'),
    say: (text) => console.log(text),
    signal: ending.signal,
  })
  await using browser = await launchBrowser()
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const colorScheme of ['light', 'dark'] as const) await takeAll(browser, demo, colorScheme)
} catch (error) {
  console.error(messageOf(error instanceof SuppressedError ? error.suppressed : error))
  process.exitCode = 1
}
process.exit()

async function takeAll(browser: Browser, demo: Demo, colorScheme: 'light' | 'dark'): Promise<void> {
  const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce', baseURL: demo.url })
  await context.request.post('/api/auth/sign-in/username', {
    data: { username: 'admin', password: demo.password },
    headers: { origin: demo.url },
  })
  for (const { name, width = 1280, height = 800, go } of pictures) {
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    await page.setViewportSize({ width: Math.max(width, 1280), height })
    await page.goto('/')
    await settled(page)
    try {
      await go(page)
      await page.setViewportSize({ width, height })
      await settled(page)
      const file = join(folder, `${name}-${colorScheme}.png`)
      await page.screenshot({ path: file, animations: 'disabled' })
      console.log(file)
    } catch (error) {
      // the other pictures are worth having
      console.error(`No picture of ${name}: ${messageOf(error)}`)
      process.exitCode = 1
    }
    await page.close()
  }
  await context.close()
}

/** By the navigation, then by a link of this name in the page. */
async function byLinks(page: Page, place: string, name?: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: place, exact: true }).first().click()
  await page.getByRole('heading', { level: 1, name: place }).waitFor()
  if (name === undefined) return
  await settled(page)
  await page.getByRole('main').getByRole('link', { name }).first().click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
}

/** The last real run of all stacks of a host. */
async function toJob(page: Page): Promise<void> {
  const answer = await page.request.get('/api/jobs?limit=100')
  const { jobs } = (await answer.json()) as {
    jobs: { id: number; archive_name: string; job_type: string; is_dry_run: boolean }[]
  }
  const job = jobs.find((one) => one.archive_name === 'Nightly' && one.job_type === 'archive' && !one.is_dry_run)
  await page.goto(`/history/${job?.id}`)
  await page.getByRole('heading', { level: 1 }).waitFor()
}

/** Nothing is a skeleton any more. */
async function settled(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor()
  await until('the page to be there', async () => (await page.locator('.skeleton').count()) === 0)
  await page.waitForTimeout(500)
}

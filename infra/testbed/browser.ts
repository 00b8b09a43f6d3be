// The system's Chromium, driven by Playwright.
import { existsSync } from 'node:fs'
import { chromium, type Browser, type Page } from 'playwright-core'
import { isRoot } from './folders.ts'
import { patience } from './until.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium']

export function findChromium(): string | undefined {
  return places.find((file) => existsSync(file))
}

const quiet = ['background-networking', 'component-update', 'sync', 'quic'].map((name) => `--disable-${name}`)

// Pages of tests live for seconds, and what V8 would spend on optimizing their code never comes back.
const short = '--js-flags=--no-turbofan,--no-maglev'

/** `await using browser = await launchBrowser()`. `optimizes`: as people's browsers do, for measuring. */
export async function launchBrowser({ optimizes = false } = {}): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error('Chromium is not installed')
  const browser = await chromium.launch({
    executablePath,
    args: [...quiet, '--no-first-run', ...(optimizes ? [] : [short]), ...(isRoot ? ['--no-sandbox'] : [])],
    timeout: patience,
  })
  browser.on('context', (context) => context.setDefaultTimeout(patience))
  return browser
}

/** What Chromium says when containers of neighbouring tests come and go: it gives up every request, and pages ask again. */
export const networkChanged = 'net::ERR_NETWORK_CHANGED'

export async function open(page: Page, url: string): Promise<void> {
  await insist(() => page.goto(url))
}

export async function reload(page: Page): Promise<void> {
  await insist(() => page.reload())
}

async function insist(load: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const failure = await load().then(
      () => undefined,
      (error: unknown) => error,
    )
    if (failure === undefined) return
    if (!String(failure).includes(networkChanged)) throw failure
  }
}

// What somebody who looks has to wait for: the dashboard with years of jobs, and a log of a million lines.
import type { Page } from 'playwright-core'
import { buildWebIfStale } from '../start/build-web.ts'
import { launchBrowser, open } from '../testbed/browser.ts'
import { dashboardRequests } from './api.ts'
import { firstLoadOf, signIn } from '../testbed/pages.ts'
import { fillLog, fillWithYears, startInstallation, type Installation } from './installation.ts'
import { latencyRow, percentile, type Row } from './measure.ts'

const million = 1_000_000
const mostScript = 150 * 1024

export async function web(): Promise<Row[]> {
  await buildWebIfStale(process.cwd())
  await using installation = await startInstallation()
  await fillWithYears(installation)
  const long = await fillLog(installation, million)
  await using browser = await launchBrowser({ optimizes: true })
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage()
  const { url } = installation.server
  await signIn(page, url)

  const usable = () =>
    page
      .getByRole('link', { name: /archive-\d+/ })
      .first()
      .waitFor()
  const asked = new Set<string>()
  page.on('request', (request) => asked.add(request.url().slice(url.length)))
  const dashboard: number[] = []
  for (let time = 0; time < 40; time++) {
    const begun = performance.now()
    await open(page, url)
    await usable()
    dashboard.push(performance.now() - begun)
  }
  await page.getByRole('img', { name: /^Storage by stack/ }).waitFor()
  const requests = [...asked].filter((path) => path.startsWith('/api/') && path !== '/api/events')
  const logShown = () => page.locator('[data-line]').first().waitFor()
  return [
    latencyRow('dashboard with 10,000 jobs, opened until its archives can be clicked', dashboard, 0.95, 1000),
    {
      what: 'requests that the dashboard makes, and `bench -- api` does not measure',
      wanted: 'none',
      measured: requests.filter((path) => !dashboardRequests.includes(path)).join(', ') || 'none',
      reached: requests.every((path) => dashboardRequests.includes(path)),
    },
    scriptRow('dashboard', await firstLoadOf(page, url, usable)),
    scriptRow('job page', await firstLoadOf(page, `${url}/history/${long}`, logShown)),
    ...(await logRows(page, installation, long)),
  ]
}

function scriptRow(what: string, bytes: number): Row {
  const measured = `${(bytes / 1024).toFixed(0)} KiB`
  return {
    what: `JavaScript of the first load, gzipped: ${what}`,
    wanted: '≤ 150 KiB',
    measured,
    reached: bytes <= mostScript,
  }
}

async function logRows(page: Page, { server, sql }: Installation, long: number): Promise<Row[]> {
  const rows: Row[] = []
  const opened: number[] = []
  for (let time = 0; time < 5; time++) {
    const begun = performance.now()
    await open(page, `${server.url}/history/${long}`)
    await page.locator(`[data-line="${million}"]`).waitFor()
    opened.push(performance.now() - begun)
  }
  rows.push(latencyRow('log of 1,000,000 lines, opened until its last line is there', opened, 0.95, 1500))

  const region = page.getByRole('region', { name: 'Log lines' })
  rows.push(
    await framesRow(page, 'scrolling through all of it', async () => {
      const box = await region.boundingBox()
      if (box) await page.mouse.move(box.x + 100, box.y + 100)
      for (let turn = 0; turn < 60; turn++) {
        await page.mouse.wheel(0, turn % 20 < 10 ? -400 : 400)
        await page.waitForTimeout(16)
      }
      for (const share of [0.1, 0.35, 0.6, 0.2, 0.9, 0.5, 0]) {
        await region.evaluate((box, share) => (box.scrollTop = share * box.scrollHeight), share)
        await page.waitForTimeout(120)
      }
      await region.press('End')
      await page.locator(`[data-line="${million}"]`).waitFor()
    }),
  )
  const found: number[] = []
  rows.push(
    await framesRow(page, 'searching it', async () => {
      for (const text of ['step 12345', 'PULLING', 'nowhere', 'step 999']) {
        const begun = performance.now()
        await page.getByLabel('Search the log').fill(text)
        await page.getByLabel('Search the log').press('Enter')
        await page.getByText(/^[\d,]+ of [\d,]+ match|^No line matches/).waitFor()
        found.push(performance.now() - begun)
        for (let next = 0; next < 5; next++) await page.getByLabel('Search the log').press('Enter')
      }
      await page.getByLabel('Search the log').fill('')
    }),
  )
  rows.push(latencyRow('search in 1,000,000 lines, typed until the match is shown', found, 1, 2500))

  await sql`update archiver.jobs set status = 'running', end_time = null where id = ${long}`
  await open(page, `${server.url}/history/${long}`)
  await page.locator(`[data-line="${million}"]`).waitFor()
  rows.push(
    await framesRow(page, 'following it at 2,000 lines a second', async () => {
      let last = million
      for (let batch = 0; batch < 50; batch++) {
        await sql`
          insert into archiver.log_lines (job_id, line, at, level, text)
          select ${long}, n, now(), 'info', 'docker compose pull: 4f4fb700ef54: Extracting, step ' || n
          from generate_series(${last + 1}::bigint, ${last + 200}::bigint) as n`
        last += 200
        await sql`update archiver.jobs set last_line = ${last} where id = ${long}`
        await sql`select archiver.announce('log', ${long})`
        await page.waitForTimeout(80)
      }
      await page.locator(`[data-line="${last}"]`).waitFor()
    }),
  )
  return rows
}

/** The longest time between two frames while this is done. */
async function framesRow(page: Page, what: string, act: () => Promise<void>): Promise<Row> {
  await page.evaluate(`
    window.frames_ = []
    let last = performance.now()
    window.watching_ = true
    requestAnimationFrame(function note(now) {
      window.frames_.push(now - last)
      last = now
      if (window.watching_) requestAnimationFrame(note)
    })`)
  await act()
  const frames = (await page.evaluate('window.watching_ = false, window.frames_')) as number[]
  const longest = Math.max(...frames)
  return {
    what: `log of 1,000,000 lines, longest frame while ${what}`,
    wanted: '≤ 100 ms',
    measured: `${longest.toFixed(0)} ms (median ${percentile(frames, 0.5).toFixed(0)}, of ${frames.length})`,
    reached: longest <= 100,
  }
}

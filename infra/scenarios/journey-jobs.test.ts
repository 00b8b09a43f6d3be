// History and a job's page as people use them: finding a job, watching it, cancelling it, and finding a line in a long log.
import { connect } from 'db/connect'
import { claimTask, finishTask, heartbeat, reportStacks, sendLog, startAgent } from 'db/queries/agent'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, open } from '../testbed/browser.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { complaintsOf, faultsOf, signIn, tabTo } from '../testbed/pages.ts'
import { adminPassword } from '../testbed/processes.ts'
import { until } from '../testbed/until.ts'

const hostile = '<img src=x onerror=alert(1)>'
const long = 20_000

let house: House
let browser: Browser
let page: Page
let complaints: string[]
let agent: ReturnType<typeof connect>
let epoch: number
let archive: number
let finished: number

beforeAll(async () => {
  house = await makeHouse({ stacksDirs: [] })
  agent = connect(house.host.url, { name: 'agent', max: 2 })
  ;({ epoch } = await startAgent(agent, '0', status, []))
  await reportStacks(agent, epoch, ['wiki', hostile].map(stack))
  const { body } = await house.api.get<{ stacks: Parameters<House['makeArchive']>[1] }>('/api/stacks')
  archive = await house.makeArchive(hostile, body.stacks)
  browser = await launchBrowser()
  page = await (await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })).newPage()
  await signIn(page, house.server.url)
  complaints = complaintsOf(page)
  const vera = { username: 'vera', email: 'v@example.org', password: adminPassword, role: 'viewer' }
  const made = await page.request.post(`${house.server.url}/api/users`, {
    data: vera,
    headers: { origin: house.server.url },
  })
  expect(made.status()).toBe(201)
  finished = await longJob()
})

afterAll(async () => {
  await browser.close()
  await agent.end()
  await house[Symbol.asyncDispose]()
})

/** A job that failed long ago and had much to say. */
async function longJob(): Promise<number> {
  const { sql } = house.database
  const [row] = await sql<[{ id: number }]>`
    insert into archiver.jobs (job_type, archive_id, archive_name, status, reason, triggered_by, start_time, end_time, last_line, phase, phase_times)
    values ('archive', ${archive}, ${hostile}, 'failed', 'wiki: Not enough space in /archives', 'schedule', now() - interval '1 hour', now(),
      ${long}, 3, jsonb_build_object('3', now())) returning id`
  await sql`
    insert into archiver.job_stacks (job_id, stack_name, status, reason, start_time, end_time, steps)
    values (${row.id}, ${hostile}, 'failed', 'Not enough space in /archives', now() - interval '1 hour', now(),
      jsonb_build_array(jsonb_build_object('phase', 'resolve', 'at', now() - interval '1 hour')))`
  await sql`
    insert into archiver.log_lines (job_id, line, at, level, text)
    select ${row.id}, n, now(), case when n % 5000 = 0 then 'error' else 'info' end,
      case when n = 7777 then 'the needle is here' else 'a line like many others, ' || n end
    from generate_series(1, ${long}) as n`
  return row.id
}

const line = (number: number) => page.locator(`[data-line="${number}"]`)
const region = () => page.getByRole('region', { name: 'Log lines' })

test('from the history to a line of a long log, with the keyboard alone', async () => {
  await open(page, `${house.server.url}/history`)
  await page.getByText('Not enough space').waitFor()
  // on a phone the filters wait behind a button
  await page.setViewportSize({ width: 390, height: 844 })
  await page.getByRole('button', { name: 'Filters' }).click()
  await page.getByLabel('Show').selectOption('failed')
  expect(await faultsOf(page)).toEqual([])
  await page.getByRole('button', { name: 'Filters (1 set)' }).click()
  expect(await page.getByLabel('Show').isVisible()).toBe(false)
  await page.setViewportSize({ width: 1280, height: 844 })
  await page.getByRole('searchbox', { name: 'Search jobs' }).focus()
  await page.keyboard.type('SPACE in /arch')
  await page.waitForURL('**/history?status=failed&search=*')
  const link = page.getByRole('link', { name: new RegExp(`Job ${finished}\\b`) })
  await tabTo(link)
  await page.keyboard.press('Enter')
  await line(long).waitFor()
  await page.getByText('Make room on that disk').first().waitFor()
  expect(await page.locator('[data-line]').count(), 'lines that are drawn').toBeLessThan(150)

  await tabTo(page.getByRole('searchbox', { name: 'Search the log' }))
  await page.keyboard.type('NEEDLE')
  await page.getByText('1 of 1 match').waitFor()
  await line(7777).waitFor()
  expect(await line(7777).getAttribute('aria-current')).toBe('true')
  expect(await line(7777).locator('mark').textContent()).toBe('needle')
  await tabTo(page.getByRole('button', { name: 'Copy link to line 7,777' }))
  await page.keyboard.press('Enter')
  await page.getByText('Copied the link to line 7,777.').waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`${house.server.url}/history/${finished}#L7777`)
  expect(await faultsOf(page)).toEqual([])

  await tabTo(region())
  await page.keyboard.press('Home')
  await line(1).waitFor()
  for (let turn = 0; turn < 3; turn++) await page.keyboard.press('PageDown')
  await line(1).waitFor({ state: 'detached' })
  await page.keyboard.press('End')
  await line(long).waitFor()
})

test('an address leads to its line; levels narrow the log; copying says how much it was', async () => {
  await page.setViewportSize({ width: 1280, height: 844 })
  await open(page, `${house.server.url}/history`)
  await open(page, `${house.server.url}/history/${finished}#L12345`)
  await line(12345).waitFor()
  expect(await line(12345).getAttribute('aria-current')).toBe('true')

  await page.getByLabel('Level').selectOption('error')
  await page.getByText(`4 of ${long.toLocaleString('en')} lines`).waitFor()
  await line(5000).waitFor()
  expect(await page.locator('[data-line]').count()).toBe(4)
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  await page.getByText('Copied 4 lines.').waitFor()
  await page.getByLabel('Level').selectOption('')
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  await page.getByText('Copied the 5,000 lines around those in view').waitFor()

  await page.getByRole('button', { name: 'Wrap lines' }).click()
  await region().press('End')
  await line(long).waitFor()
  // by the bar, to anywhere
  await region().evaluate((box) => (box.scrollTop = box.scrollHeight / 2))
  await line(long / 2).waitFor()
  const drawn = await page.locator('[data-line]').evaluateAll((all) => all.map((one) => Number(one.dataset['line'])))
  expect(drawn).toEqual(drawn.map((_, at) => (drawn[0] ?? 0) + at))
})

test('the history is narrowed by what stands in its address', async () => {
  const rows = page.getByRole('main').getByRole('listitem')
  await open(page, `${house.server.url}/history`)
  await page.getByLabel('Started').selectOption('schedule')
  await page.waitForURL('**/history?trigger=schedule')
  await expect.poll(() => rows.count()).toBe(1)
  await page.getByLabel('Type').selectOption('cleanup')
  await page.getByText('No job matches.').waitFor()
  await page.getByRole('link', { name: 'Clear filters' }).click()
  await page.getByLabel('From').fill('2999-01-01')
  await page.getByText('No job matches.').waitFor()
  await open(page, `${house.server.url}/history?dry_run=false&from=2020-01-01&to=2999-01-01&status=failed`)
  await expect.poll(() => rows.count()).toBe(1)
  expect(await page.getByLabel('Dry runs').inputValue()).toBe('false')
})

test('a job is watched at work, and cancelled with the keyboard alone; who may only look sees no button for it', async () => {
  const id = await house.run(archive)
  await open(page, `${house.server.url}/history/${id}`)
  const task = await until('the task', () => claimTask(agent, epoch, []))
  const begun = Date.now() - 10_000
  const at = (second: number) => new Date(begun + second * 1000).toISOString()
  const steps = [
    { phase: 'resolve' as const, at: at(0) },
    { phase: 'stop' as const, at: at(1) },
    { phase: 'pack' as const, at: at(2) },
  ]
  const progress = {
    phase: 'pack' as const,
    files: 7,
    bytes: 8 * 1024 ** 2,
    total_bytes: 64 * 1024 ** 2,
    stopped_at: at(1),
    steps,
  }
  await heartbeat(agent, epoch, null, [{ id: task.id, progress }])
  await page.getByText(/stopped for 00:\d\d/).waitFor()
  await page.getByText('8.00 MiB of about 64.0 MiB').waitFor()
  await page.getByText(/about .* left/).waitFor()
  const text = 'first line'
  await sendLog(agent, epoch, task.id, [{ seq: 1, at: at(3), level: 'info', text }])
  await page.getByText(text).waitFor()

  const viewers = await browser.newContext()
  const other = await viewers.newPage()
  await signIn(other, house.server.url, 'vera')
  await open(other, `${house.server.url}/history/${id}`)
  await other.getByText(text).waitFor()
  expect(await other.getByRole('button', { name: /Cancel|Run/ }).count()).toBe(0)
  await viewers.close()

  await tabTo(page.getByRole('button', { name: 'Cancel job' }))
  await page.keyboard.press('Enter')
  await page.getByRole('alertdialog').waitFor()
  await page.getByText('What was stopped is started again').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await tabTo(page.getByRole('button', { name: 'Cancel the job' }))
  await page.keyboard.press('Enter')
  await page.getByText('The job ends as soon as its stacks are up').waitFor()
  const none = { downtime_seconds: 9, archive_path: null, backup: null, not_covered: [], pull: null, steps }
  await finishTask(agent, epoch, task.id, { status: 'cancelled', reason: 'cancelled', was_running: true, ...none })
  await page.getByRole('button', { name: 'Run again' }).waitFor()
  await page.getByText('was running before').waitFor()
  expect(await page.getByRole('list', { name: 'Course of the job' }).getByRole('listitem').count()).toBe(4)
})

test('what retention, a cleanup and a reading came to is told, and names are shown as text', async () => {
  const { sql } = house.database
  const retention = [
    { stack_id: 1, stack_name: hostile, kept: 5, removed: 2, waits: 'the newest is much smaller', bytes: 4096 },
  ]
  const findings = [{ task: 'stale_partials', path: `x/${hostile}`, did: 'removed', bytes: 2048, text: 'unfinished' }]
  const make = async (type: string, results: object) => {
    const [row] = await sql<[{ id: number }]>`
      insert into archiver.jobs (job_type, archive_name, status, triggered_by, start_time, end_time, phase, is_dry_run, results)
      values (${type}, ${hostile}, 'success', 'manual', now(), now(), 3, true, ${JSON.stringify(results)}::text::jsonb) returning id`
    return row.id
  }
  await open(page, `${house.server.url}/history/${await make('retention', { retention })}`)
  await page.getByRole('heading', { name: 'What retention would do' }).waitFor()
  await page.getByText('the newest is much smaller').waitFor()
  expect(await faultsOf(page)).toEqual([])
  await open(page, `${house.server.url}/history/${await make('cleanup', { findings })}`)
  await page.getByText('Would be removed').waitFor()
  await page.getByText('No line yet.').waitFor()
  expect(await faultsOf(page)).toEqual([])
  expect(await page.locator('img[src=x]').count()).toBe(0)
  expect(complaints).toEqual([])
})

const status = {
  docker: { reachable: true, version: '28', reason: '' },
  archives_dir: '/archives',
  disk: null,
  in_container: false,
  mounts: [],
  unreachable_projects: [],
}

const stack = (name: string, at: number) => ({
  path: `/srv/${at}`,
  name,
  compose_file: `/srv/${at}/compose.yaml`,
  project: `project-${at}`,
  kind: 'nested' as const,
  containers: [],
  mounts: [],
  own: false,
})

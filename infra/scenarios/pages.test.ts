// Every page in a real browser: what people see, at both widths and in both themes, and what happens when the server goes away.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from 'db/connect'
import { claimTask, finishTask, heartbeat, reportStacks, sendLog, startAgent } from 'db/queries/agent'
import { beforeAll, expect, inject, test } from 'vitest'
import { makeTestDatabase } from '../../db/testing/database.ts'
import { api } from '../testbed/api.ts'
import { launchBrowser, open } from '../testbed/browser.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse } from '../testbed/house.ts'
import { complaintsOf, faultsOf, firstLoadOf, signIn } from '../testbed/pages.ts'
import { startServer } from '../testbed/processes.ts'
import { run } from '../testbed/run.ts'
import { until } from '../testbed/until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const awayMilliseconds = 20_000
const hostile = '<img src=x onerror=alert(1)>'

beforeAll(async () => {
  if (!existsSync(join(root, 'web/build/index.html'))) await run('npm', ['run', '-w', 'web', 'build'], { cwd: root })
})

test('the first visit leads to setup, which says at the field what is wrong, and then to the dashboard', async () => {
  await using database = disposable(await makeTestDatabase(inject('serverUrl')))
  await using server = await startServer({ databaseUrl: database.url, admin: false })
  await using browser = await launchBrowser()
  const page = await (await browser.newContext()).newPage()
  const complaints = complaintsOf(page)

  await open(page, `${server.url}/history`)
  await page.waitForURL('**/setup')
  await page.getByLabel('User name').fill('a b')
  await page.getByLabel('E-mail address').fill('ada')
  await page.getByLabel('Password', { exact: true }).fill('short')
  await page.getByRole('button', { name: 'Create account' }).click()
  expect(await page.getByLabel('User name').getAttribute('aria-invalid')).toBe('true')
  expect(await page.getByLabel('User name').inputValue(), 'what was typed stays').toBe('a b')
  await page.getByText('Give a password of at least 8 characters.').waitFor()
  await page.getByText('The two passwords differ.').waitFor()
  expect(await faultsOf(page)).toEqual([])

  await page.getByLabel('User name').fill('ada')
  await page.getByLabel('E-mail address').fill('ada@example.org')
  await page.getByLabel('Password', { exact: true }).fill('a long password')
  await page.getByLabel('Password again').fill('a long password')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('No host is connected yet, so nothing is backed up.').waitFor()
  expect(await faultsOf(page)).toEqual([])

  await open(page, `${server.url}/setup`)
  await page.getByText('Docker Archiver is set up already.').waitFor()

  // a script that is lost on its way is asked for again
  const stumbling = await (await browser.newContext()).newPage()
  const lost = stumbling.waitForEvent('requestfailed')
  await stumbling.route('**/_app/immutable/entry/app*.js', (route) => route.abort(), { times: 1 })
  await open(stumbling, server.url)
  await lost
  await stumbling.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(complaints).toEqual([])
})

test('every page is accessible, fits a phone and shows names as text', async () => {
  await using folder = await temporaryFolder()
  for (const name of ['wiki', hostile]) {
    await mkdir(join(folder.path, name), { recursive: true })
    await writeFile(join(folder.path, name, 'compose.yaml'), 'services: {web: {image: busybox}}\n')
  }
  await using house = await makeHouse({ stacksDirs: [folder.path], containers: false })
  await house.startAgent()
  const wiki = await house.findStack(join(folder.path, 'wiki'))
  const bad = await house.findStack(join(folder.path, hostile))
  const archive = await house.makeArchive(hostile, [wiki, bad], { mode: 'live' })
  const { job, log } = await house.ended(await house.run(archive))
  expect(job.status, log).toBe('success')

  await using browser = await launchBrowser()
  const page = await (await browser.newContext()).newPage()
  await signIn(page, house.server.url)
  const complaints = complaintsOf(page)
  const places = [
    ['/', 'Recent jobs'],
    ['/stacks', 'Search stacks'],
    [`/stacks/${bad.id}`, 'What a backup holds'],
    ['/archives', hostile],
    ['/archives/new', 'While its files are read'],
    [`/archives/${archive}`, 'Delete archive'],
    ['/history', 'Succeeded'],
    [`/history/${job.id}`, 'the job has ended'],
    ['/backups', 'Verified'],
    ['/hosts', 'Folders given to the agent'],
    ['/nowhere', 'Nothing here'],
  ] as const
  for (const [path, text] of places) {
    await open(page, house.server.url + path)
    await page.getByText(text).or(page.getByPlaceholder(text)).filter({ visible: true }).first().waitFor()
    expect(await faultsOf(page)).toEqual([])
  }
  const small = 150 * 1024
  const dashboard = () => page.getByText('Recent jobs').waitFor()
  expect(await firstLoadOf(page, house.server.url, dashboard), 'JavaScript of the dashboard').toBeLessThan(small)
  const logShown = () => page.locator('[data-line]').first().waitFor()
  expect(await firstLoadOf(page, `${house.server.url}/history/${job.id}`, logShown), 'of a job').toBeLessThan(small)

  await open(page, `${house.server.url}/archives/${archive}`)
  await page.getByRole('button', { name: 'Delete archive' }).click()
  await page.getByRole('alertdialog', { name: `Delete archive ${hostile}?` }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  expect(await page.locator('img[src=x]').count()).toBe(0)
  expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
})

test('the log goes on where it was after the server was away, without a line lost or doubled', async () => {
  await using database = disposable(await makeTestDatabase(inject('serverUrl')))
  const host = await database.addHost()
  const secretKey = randomBytes(32).toString('hex')
  await using servers = new AsyncDisposableStack()
  const first = servers.use(await startServer({ databaseUrl: database.url, secretKey }))
  const agent = servers.adopt(connect(host.url, { name: 'agent', max: 2 }), (sql) => sql.end())
  const { epoch } = await startAgent(agent, '0', status, [])
  await reportStacks(agent, epoch, [wiki])
  const client = api(first.url, first.token)
  const { body } = await client.get<{ stacks: { id: number }[] }>('/api/stacks')
  await client.post('/api/archives', { name: 'nightly', stack_ids: body.stacks.map(({ id }) => id) })

  await using browser = await launchBrowser()
  const page = await (await browser.newContext()).newPage()
  await signIn(page, first.url)
  await page.getByRole('button', { name: 'Run nightly' }).click()
  await page.getByText('Waiting for the agent').waitFor()
  const task = await until('the task', () => claimTask(agent, epoch, []))
  let seq = 0
  const write = (lines: number) =>
    sendLog(
      agent,
      epoch,
      task.id,
      Array.from({ length: lines }, () => ({ seq: ++seq, at: now(), level: 'info' as const, text: `step ${seq}.` })),
    )
  const stopped_at = now()
  await heartbeat(agent, epoch, null, [
    { id: task.id, progress: { phase: 'pack', files: 3, bytes: 4096, total_bytes: null, stopped_at } },
  ])
  await page.getByText(/stopped for 00:\d\d/).waitFor()
  await write(400)
  await page.getByText('step 400.').waitFor()
  expect(await faultsOf(page)).toEqual([])

  const loads: string[] = []
  page.on('load', () => loads.push(page.url()))
  await first.stop()
  const away = setTimeout(awayMilliseconds)
  await page.getByText('The connection to the server is lost').waitFor()
  await write(300)
  await away
  const port = Number(new URL(first.url).port)
  servers.use(await startServer({ databaseUrl: database.url, secretKey, port }))
  await page.getByText('step 700.').waitFor()
  await page.getByText('The connection to the server is lost').waitFor({ state: 'hidden' })
  expect(loads, 'without a reload').toEqual([])
  // every line that was written meanwhile, from the last one up
  const seen = new Map<number, string>()
  const region = page.getByRole('region', { name: 'Log lines' })
  for (let turn = 0; turn < 40 && ![...seen.values()].some((text) => text.includes('step 401.')); turn++) {
    const drawn = await page.locator('[data-line]').allInnerTexts()
    for (const text of drawn) seen.set(Number.parseInt(text), text)
    await region.press('PageUp')
  }
  const lines = [...seen].sort(([one], [other]) => one - other)
  expect(lines.map(([line]) => line)).toEqual(lines.map((_, at) => (lines[0]?.[0] ?? 0) + at))
  const steps = lines.flatMap(([, text]) => /step (\d+)\./.exec(text)?.[1] ?? [])
  expect(steps.filter((step) => Number(step) > 400)).toEqual(Array.from({ length: 300 }, (_, at) => String(401 + at)))

  await page.getByRole('button', { name: 'Cancel job' }).click()
  await page.getByText('Work on wiki ends at the next step.').waitFor()
  await page.getByRole('button', { name: 'Cancel the job' }).click()
  await page.getByText('Cancelling').first().waitFor()
  const none = { downtime_seconds: null, archive_path: null, backup: null, not_covered: [], pull: null }
  await finishTask(agent, epoch, task.id, { status: 'cancelled', reason: 'cancelled', was_running: true, ...none })
  await page.getByRole('button', { name: 'Run again' }).waitFor()
})

const now = () => new Date().toISOString()

const status = {
  docker: { reachable: true, version: '28', reason: '' },
  archives_dir: '/archives',
  disk: null,
  in_container: false,
  mounts: [],
  unreachable_projects: [],
}

const wiki = {
  path: '/srv/wiki',
  name: 'wiki',
  compose_file: '/srv/wiki/compose.yaml',
  project: 'wiki',
  kind: 'nested' as const,
  containers: [],
  mounts: [],
  own: false,
}

function disposable<T extends { drop(): Promise<void> }>(database: T): T & AsyncDisposable {
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.drop() })
}

// What the agent may do to a stack and to backups, and what it may not.
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Backup } from 'db/queries/backups'
import { holdInWindow } from '../testbed/agent-processes.ts'
import { launchBrowser, open } from '../testbed/browser.ts'
import { containersOf, docker } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { signIn } from '../testbed/pages.ts'
import type { TestProcess } from '../testbed/processes.ts'
import { startDeafRegistry } from '../testbed/registry.ts'
import { shopWithNetwork, slowToStop, startShop, uniqueName } from '../testbed/sample-stack.ts'
import { composeUp, makeStack, type TestStack } from '../testbed/stack.ts'
import { treeOf } from '../testbed/tree.ts'
import { until } from '../testbed/until.ts'

const undo = new AsyncDisposableStack()
let parent: string
let house: House
let agent: TestProcess

beforeAll(async () => {
  if (inject('missing').length > 0) return
  parent = undo.use(await temporaryFolder()).path
  house = undo.use(await makeHouse({ stacksDirs: [parent] }))
  agent = await house.startAgent()
})
afterAll(() => undo.disposeAsync())

async function dryRun(archive: number, switches: Record<string, boolean>) {
  const answer = await house.api.post<{ job_id: number }>(`/api/archives/${archive}/dry-run`, switches)
  expect(answer.status).toBe(202)
  return house.ended(answer.body.job_id)
}

const states = async (project: string) =>
  Object.values(await containersOf(project))
    .map(({ Id, State }) => `${Id} ${State.Status} ${State.StartedAt}`)
    .sort()

async function backupsOf(archiveId: number): Promise<Backup[]> {
  return (await house.api.get<{ backups: Backup[] }>(`/api/backups?archive_id=${archiveId}`)).body.backups
}

/** As somebody would who has taken over the server: a task of his own making. */
async function hostileTask(kind: string, payload: object) {
  const [made] = await house.database.sql<[{ id: number; job_id: number }]>`
    with job as (select archiver.start_job('cleanup', null, '', 'sql', false, '{}') as id)
    select archiver.add_task(job.id, null, ${house.host.id}, ${kind}, ${JSON.stringify(payload)}::text::jsonb) as id,
      job.id as job_id from job`
  return until(`task ${made.id} to be finished`, async () => {
    const [task] = await house.database.sql<{ state: string; outcome: any }[]>`
      select state, outcome from archiver.tasks where id = ${made.id}`
    return task?.state === 'finished' && task.outcome
  })
}

test('Dry run with three switches: stop containers, create archive, run retention. It says what would happen and changes nothing', async () => {
  await using stack = await startShop({
    parent,
    files: { 'site/index.html': 'x'.repeat(2048), 'cache/big.tmp': 'y'.repeat(9999) },
  })
  const id = await house.makeArchive(uniqueName('dry'), [await house.findStack(stack.folder)], {
    exclude: ['cache/'],
    format: 'tar.gz',
  })
  const before = { containers: await states(stack.name), stack: await treeOf(stack.folder) }
  await mkdir(house.archivesDir, { recursive: true })
  const archives = await treeOf(house.archivesDir)
  await using events = await watchDockerEvents(stack.name)

  const all = await dryRun(id, { stop_containers: true, create_archive: true, run_retention: true })
  expect([all.job.status, all.job.is_dry_run, all.stack.was_running], all.log).toEqual(['success', true, true])
  expect(all.log).toMatch(new RegExp(`Would stop ${stack.name}-web-1, then ${stack.name}-db-1`))
  expect(all.log).toMatch(new RegExp(`Would start again ${stack.name}-db-1, then ${stack.name}-web-1`))
  expect(all.log).toMatch(
    new RegExp(`Would archive \\d+ files, .* to ${house.archivesDir}/.*/\\d{8}_\\d{6}_${stack.name}.tar.gz`),
  )
  expect(all.log).toContain('Left out by the exclude patterns: 0 files, 1 folder with all in it')
  expect(all.log).toContain(`With volume ${stack.name}_data`)
  expect(all.log).toMatch(/are free in/)
  expect(all.log).toMatch(/Phase 2/)
  const [stops, packs] = [
    await dryRun(id, { stop_containers: true, create_archive: false, run_retention: false }),
    await dryRun(id, { stop_containers: false, create_archive: true, run_retention: false }),
  ]
  expect([/Would stop/.test(stops.log), /Would archive/.test(stops.log)]).toEqual([true, false])
  expect([/Would stop/.test(packs.log), /Would archive/.test(packs.log)]).toEqual([false, true])

  expect({ containers: await states(stack.name), stack: await treeOf(stack.folder) }).toEqual(before)
  expect(await treeOf(house.archivesDir)).toEqual(archives)
  expect(await readdir(join(house.dataDir, 'agent', 'journal'))).toEqual([])
  expect(events.short('die', 'stop', 'kill', 'pause', 'start', 'create', 'destroy')).toEqual([])
  expect(await backupsOf(id)).toEqual([])
  expect(all.stack.archive_path).toBeNull()
})

test('Not again: pulling in a dry run', async () => {
  await using deaf = await startDeafRegistry()
  const image = `${deaf.host}/never`
  await docker('tag', 'archiver-test/busybox', image)
  const composeYaml = `services:\n  web:\n    image: ${image}\n    command: ["sleep", "1000000"]\n    stop_grace_period: 0s\n`
  await using stack = await makeStack({ name: uniqueName('unpulled'), composeYaml, parent })
  await composeUp(stack.folder, '--pull', 'never')
  const id = await house.makeArchive(stack.name, [await house.findStack(stack.folder)])
  expect((await house.api.patch('/api/settings/security', { always_pull: true })).status).toBe(200)
  const { job, log } = await dryRun(id, {})
  expect((await house.api.patch('/api/settings/security', { always_pull: false })).status).toBe(200)
  expect(job.status, log).toBe('success')
  expect(log).toContain('Would pull images afterwards')
  expect(deaf.connections()).toBe(0)
})

test('Not again: `compose down`', async () => {
  await using stack = await startShop({ parent, composeYaml: shopWithNetwork })
  const network = await docker('network', 'inspect', '--format', '{{.Id}}', `${stack.name}_default`)
  const before = Object.values(await containersOf(stack.name)).map(({ Id }) => Id)
  await using events = await watchDockerEvents(stack.name)
  const { job, log } = await house.ended(
    await house.run(await house.makeArchive(stack.name, [await house.findStack(stack.folder)])),
  )
  expect(job.status, log).toBe('success')
  expect(Object.values(await containersOf(stack.name)).map(({ Id }) => Id)).toEqual(before)
  expect(await docker('network', 'inspect', '--format', '{{.Id}}', `${stack.name}_default`)).toBe(network)
  expect(events.short('destroy', 'create')).toEqual([])
  expect(events.short('die', 'start')).toEqual(['die web', 'die db', 'start db', 'start web'])
})

/** The archive process hangs from the moment the stack is down; resolves with its pid. */
async function runUntilDown(stack: TestStack, settings: Record<string, unknown>) {
  await using events = await watchDockerEvents(stack.name)
  const found = await house.findStack(stack.folder)
  const job = await house.run(await house.makeArchive(uniqueName('limit'), [found], settings))
  const engine = await holdInWindow(agent.pid, events)
  await events.until('die', 'db')
  return { job, engine }
}

async function expectUp(stack: TestStack): Promise<void> {
  const { web, db, idle } = await containersOf(stack.name)
  expect([web?.State.Running, db?.State.Running, idle?.State.Running]).toEqual([true, true, false])
}

test('Not again: stack left down when the archive fails or times out', async () => {
  await using stack = await startShop({ parent, composeYaml: slowToStop })
  const failing = await runUntilDown(stack, {})
  process.kill(failing.engine, 'SIGKILL')
  const failed = await house.ended(failing.job)
  expect(failed.stack.reason).toMatch(/the archive process ended unexpectedly \(signal SIGKILL\)/)
  await expectUp(stack)

  const late = await runUntilDown(stack, { max_downtime: 10 })
  const timedOut = await house.ended(late.job)
  expect(timedOut.stack.reason).toMatch(/down for 10 s, the longest its archive allows/)
  await expectUp(stack)
})

test('Not again: a fixed 600 s limit', async () => {
  await using stack = await startShop({ parent, composeYaml: slowToStop })
  // the limit is the archive's own: what is too long for one with 10 s is fine for this one
  const patient = await runUntilDown(stack, { max_downtime: 7200 })
  await until('12 s to pass', async () => {
    const { metrics } = await house.job(patient.job)
    const since = metrics[0]?.progress?.stopped_at
    return since && Date.now() - Date.parse(since) > 12_000
  })
  process.kill(patient.engine, 'SIGCONT')
  const done = await house.ended(patient.job)
  expect(done.job.status, done.log).toBe('success')
  expect(done.stack.downtime_seconds).toBeGreaterThan(10)
  await expectUp(stack)
})

test('Not again: deleting folders or files that were never ours, whatever the server asks for', async () => {
  await using stack = await startShop({ parent })
  const id = await house.makeArchive(uniqueName('guarded'), [await house.findStack(stack.folder)], { mode: 'live' })
  for (let run = 0; run < 4; run++) expect((await house.ended(await house.run(id))).job.status).not.toBe('failed')
  const backups = await backupsOf(id)
  expect(backups).toHaveLength(4)
  const foreign = join(house.dataDir, 'precious', 'stack')
  await mkdir(foreign, { recursive: true })
  await writeFile(join(foreign, '20260101_000000_stack.tar'), 'precious')
  await writeFile(join(house.archivesDir, 'letter.txt'), 'mine')

  const one = { ...backups[0], id: 999_999 }
  const elsewhere = [
    { ...one, path: '../precious/stack/20260101_000000_stack.tar' },
    { ...one, path: 'letter.txt' },
  ]
  for (const kind of ['delete_backups', 'trash_backups']) {
    const outcome = await hostileTask(kind, { backups: elsewhere, reason: '' })
    expect([outcome.status, ...outcome.backups.map((result: any) => result.did)]).toEqual(['failed', 'kept', 'kept'])
  }
  // all at once: the older half may go; again and again: the last one stays
  for (const left of [2, 1, 1]) {
    const outcome = await hostileTask('delete_backups', { backups: await backupsOf(id), reason: 'all of them' })
    expect(outcome.status).toBe(left === 1 && outcome.backups.length === 1 ? 'failed' : 'warning')
    expect((await backupsOf(id)).map(({ path }) => path)).toEqual(backups.slice(0, left).map(({ path }) => path))
  }
  const files = (await readdir(house.archivesDir, { recursive: true })).filter((name) =>
    name.endsWith(`_${stack.name}.tar.zst`),
  )
  expect(files).toEqual([backups[0]?.path])
  expect((await stat(join(foreign, '20260101_000000_stack.tar'))).size).toBe(8)
  expect((await stat(join(house.archivesDir, 'letter.txt'))).size).toBe(4)
})

test('Output permissions: check and fix for existing ones', async () => {
  await using stack = await startShop({ parent })
  const id = await house.makeArchive(uniqueName('modes'), [await house.findStack(stack.folder)], { mode: 'live' })
  const { stack: row } = await house.ended(await house.run(id))
  const file = row.archive_path ?? ''
  await chmod(file, 0o600)
  const ask = async (fix: boolean) => {
    const answer = await house.api.post<{ job_id: number }>('/api/settings/security/permissions', { fix })
    expect(answer.status).toBe(202)
    const { job_id } = answer.body
    await until(`job ${job_id} to end`, async () => (await house.job(job_id)).job.end_time)
    return (await house.api.get<string>(`/api/jobs/${job_id}/log`)).body
  }
  const text = `${file.slice(house.archivesDir.length + 1)} ha`
  expect(await ask(false)).toContain(`${text}s mode 0600, and would get 0644`)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await ask(true)).toContain(`${text}d mode 0600, and has now 0644`)
  expect((await stat(file)).mode & 0o777).toBe(0o644)
  expect(await ask(false)).toMatch(/The permissions of \d+ items are right/)
})

test('an engine with an empty data root does not make stopped containers count as removed', async () => {
  await using folder = await temporaryFolder()
  await using other = await makeHouse({ stacksDirs: [folder.path] })
  const fingerprint = [
    await docker('info', '--format', '{{.ID}}'),
    await docker('network', 'inspect', 'host', '--format', '{{.Id}}'),
  ].join(' ')
  const gone = (task_id: number, engine: string) => ({
    ...{ task_id, instance: 'an earlier one', stack: { name: `stack${task_id}`, path: '/nowhere' }, was_running: true },
    containers: [
      {
        ...{ id: 'f'.repeat(64), name: uniqueName('gone'), project: '', service: '', number: '', image: 'gone' },
        ...{ action: 'stop', started_at: '', grace: 1, needs: [] },
      },
    ],
    ...{ engine, stopped_at: new Date().toISOString(), partial: null, final: null, outcome: null },
  })
  const journal = join(other.dataDir, 'agent', 'journal')
  await mkdir(journal, { recursive: true })
  await writeFile(join(journal, '1.json'), JSON.stringify(gone(1, `another ${fingerprint}`)))
  await writeFile(join(journal, '2.json'), JSON.stringify(gone(2, fingerprint)))
  const restarted = await other.startAgent()
  await until('the agent to be at work', () => restarted.logs().includes('registered'))
  await until('what is settled to be forgotten', async () => (await readdir(journal)).join() === '1.json')
  expect(restarted.logs()).toMatch(/Stack stack1: .*another Docker Engine answers.*keeps trying/)
  expect(restarted.logs()).toMatch(/Stack stack2: container .* was removed by somebody/)
})

test('Phases in log and UI: 0 initialise, 1 stacks, 2 retention, 3 finalise; per stack status, was running, duration, size, path, downtime, files', async () => {
  await using stack = await startShop({ parent })
  const archive = await house.makeArchive('phases', [await house.findStack(stack.folder)], {
    retention_keep_days: 1,
    retention_keep_weeks: 0,
    retention_keep_months: 0,
    retention_keep_years: 0,
    retention_one_per_day: true,
  })
  await house.ended(await house.run(archive))
  const ended = await house.ended(await house.run(archive))
  expect(ended.job.status, ended.log).toBe('success')

  const order = [
    /Phase 0: archive "phases", triggered by api/,
    new RegExp(`Phase 1: stack ${stack.name} in ${stack.folder}`),
    new RegExp(`Stopped ${stack.name}-web-1`),
    new RegExp(`Started ${stack.name}-web-1`),
    /Phase 2: retention keeps 1 day/,
    new RegExp(`Phase 2: stack ${stack.name}: remove `),
    /Phase 3: 1 of 1 stack archived/,
    /Phase 3: disk of host .* used .* free/,
    /Phase 3: the job has ended: success/,
  ].map((line) => ended.log.search(line))
  expect(order, ended.log).not.toContain(-1)
  expect(order).toEqual(order.toSorted((a, b) => a - b))

  const kept = (await backupsOf(archive)).find(({ state }) => state === 'good')
  expect(ended.stack).toMatchObject({ status: 'success', was_running: true, archive_size_bytes: kept?.size_bytes })
  expect(ended.stack.archive_path).toContain(kept?.path)
  expect(kept?.file_count, 'compose.yaml and the page').toBe(2)
  const { downtime_seconds, duration_seconds } = ended.stack
  expect(downtime_seconds).toBeGreaterThan(0)
  expect(duration_seconds).toBeGreaterThan(downtime_seconds ?? Infinity)

  await using browser = await launchBrowser()
  const page = await (await browser.newContext()).newPage()
  await signIn(page, house.server.url)
  await open(page, `${house.server.url}/history/${ended.job.id}`)
  await page.getByText('Phase 3: the job has ended: success').waitFor()
  for (const word of ['Succeeded', stack.name, kept?.path ?? '', 'was running before', 'Downtime', '2 files'])
    await page.getByRole('main').getByText(word).first().waitFor()
})

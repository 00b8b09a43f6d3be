// The archives folder cannot take the backup.
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { holdInWindow } from '../testbed/agent-processes.ts'
import { containersOf } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse } from '../testbed/house.ts'
import { run } from '../testbed/run.ts'
import { slowToStop, startShop } from '../testbed/sample-stack.ts'

async function mountTmpfs(folder: string, options: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  return { [Symbol.asyncDispose]: async () => void (await run('umount', [folder])) }
}

async function expectUp(project: string): Promise<void> {
  const { web, db, idle } = await containersOf(project)
  expect([web?.State.Running, db?.State.Running, idle?.State.Running]).toEqual([true, true, false])
}

test('the disk fills up while reading ahead: nothing is stopped, the job says so, nothing is left behind', async () => {
  await using stack = await startShop({ files: { 'site/big.bin': randomBytes(100 * 1024 * 1024) } })
  await using folder = await temporaryFolder()
  await using _disk = await mountTmpfs(join(folder.path, 'archives'), 'size=64m')
  const archivesDir = join(folder.path, 'archives')
  await using house = await makeHouse({ stacksDirs: [stack.parent], archivesDir })
  await house.startAgent()
  const {
    job,
    stack: row,
    log,
  } = await house.ended(await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)])))
  await expectUp(stack.name)
  expect(job.status).toBe('failed')
  expect(row.reason).toMatch(/no space left/i)
  expect(row.archive_path).toBeNull()
  expect(row.downtime_seconds, log).toBeNull()
  expect((await readdir(archivesDir, { recursive: true })).filter((name) => /tar|partial/.test(name))).toEqual([])
  expect((await house.api.get<{ backups: unknown[] }>('/api/backups')).body.backups).toEqual([])
})

test('the disk fills up while the stack is stopped: it is up again, the job says so, nothing is left behind', async () => {
  await using stack = await startShop({ composeYaml: slowToStop })
  await using folder = await temporaryFolder()
  const archivesDir = join(folder.path, 'archives')
  await using _disk = await mountTmpfs(archivesDir, 'size=16m')
  await using house = await makeHouse({ stacksDirs: [stack.parent], archivesDir })
  const agent = await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  const engine = await holdInWindow(agent.pid, events)
  await writeFile(join(stack.folder, 'site/big.bin'), randomBytes(40 * 1024 * 1024))
  process.kill(engine, 'SIGCONT')
  const ended = await house.ended(job)
  await expectUp(stack.name)
  expect(ended.job.status).toBe('failed')
  expect(ended.stack.reason).toMatch(/no space left/i)
  expect(ended.stack.downtime_seconds).toBeGreaterThan(0)
  expect(ended.log).toContain('The stack is up again')
  expect((await readdir(archivesDir, { recursive: true })).filter((name) => /tar|partial/.test(name))).toEqual([])
})

test('the archives folder cannot be written: the job fails before anything is stopped', async () => {
  await using stack = await startShop()
  await using folder = await temporaryFolder()
  await using _disk = await mountTmpfs(join(folder.path, 'archives'), 'size=1m,ro')
  await using house = await makeHouse({ stacksDirs: [stack.parent], archivesDir: join(folder.path, 'archives') })
  await house.startAgent()
  const id = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
  await using events = await watchDockerEvents(stack.name)
  const { job, stack: row } = await house.ended(await house.run(id))
  await expectUp(stack.name)
  expect(job.status).toBe('failed')
  expect(row.reason).toMatch(/No backup can be written to .*; nothing was stopped/)
  expect(row.downtime_seconds).toBeNull()
  expect(events.short('die', 'stop', 'kill')).toEqual([])
})

test('less room than the last backup took: refused before anything is stopped', async () => {
  await using stack = await startShop({ files: { 'site/big.bin': randomBytes(40 * 1024 * 1024) } })
  await using folder = await temporaryFolder()
  await using _disk = await mountTmpfs(join(folder.path, 'archives'), 'size=64m')
  await using house = await makeHouse({ stacksDirs: [stack.parent], archivesDir: join(folder.path, 'archives') })
  await house.startAgent()
  const id = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
  const first = await house.ended(await house.run(id))
  expect(first.job.status, first.log).toBe('success')
  await using events = await watchDockerEvents(stack.name)
  const second = await house.ended(await house.run(id))
  expect(second.job.status).toBe('failed')
  expect(second.stack.reason).toMatch(
    /Not enough space in .*MiB are free, and the last backup of this stack took 40.* MiB\. Nothing was stopped/,
  )
  expect(events.short('die', 'stop', 'kill')).toEqual([])
  const { backups } = (await house.api.get<{ backups: { id: number }[] }>('/api/backups')).body
  expect(
    backups.map(({ id }) => id),
    'the first backup is still there',
  ).toEqual([first.stack.backup_id])
})

test('Docker cannot be reached: archives that stop containers are refused with the reason, live ones work', async () => {
  await using folder = await temporaryFolder()
  const stacks = join(folder.path, 'stacks')
  await mkdir(join(stacks, 'notes'), { recursive: true })
  await writeFile(join(stacks, 'notes', 'compose.yaml'), 'services: {}\n')
  await using house = await makeHouse({ stacksDirs: [stacks] })
  await house.startAgent({ dockerHost: `unix://${folder.path}/no.sock` })
  const stack = await house.findStack(join(stacks, 'notes'))
  const stopped = await house.ended(await house.run(await house.makeArchive('stopping', [stack])))
  expect(stopped.job.status).toBe('failed')
  expect(stopped.stack.reason).toMatch(/Docker is not installed or does not run.*nothing was touched/)
  const live = await house.ended(await house.run(await house.makeArchive('living', [stack], { mode: 'live' })))
  expect(live.job.status, live.log).toBe('warning')
  expect(live.stack.archive_path).toMatch(/living\/notes\/\d{8}_\d{6}_notes\.tar\.zst$/)
  const { hosts } = (
    await house.api.get<{ hosts: { status: { docker: { reachable: boolean; reason: string } } }[] }>('/api/hosts')
  ).body
  expect(hosts[0]?.status.docker).toMatchObject({ reachable: false, reason: expect.stringContaining('no.sock') })
})

// Cleanup, the trash, deleting archives and reading backups back, through a real server, a real agent and real files.
import { copyFile, lstat, mkdir, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CleanupTask } from 'db/domain/cleanup'
import { cleanupTasks } from 'db/domain/cleanup'
import type { Finding } from 'db/domain/task'
import type { Backup } from 'db/queries/backups'
import type { Job } from 'db/queries/jobs'
import type { Stack } from 'db/queries/stacks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startMailServer, type MailServer } from '../../functions/testing/mail-server.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { makeStack } from '../testbed/stack.ts'
import { treeOf } from '../testbed/tree.ts'
import { until } from '../testbed/until.ts'

const composeYaml = 'services:\n  web:\n    image: archiver-test/busybox\n'

let house: House
let mail: MailServer
let parent = ''
const undo = new AsyncDisposableStack()

beforeAll(async () => {
  parent = undo.use(await temporaryFolder()).path
  mail = undo.use(await startMailServer())
  house = undo.use(await makeHouse({ stacksDirs: [parent] }))
  await house.startAgent()
  await change('notifications', {
    smtp_server: '127.0.0.1',
    smtp_port: mail.port,
    smtp_security: 'none',
    from: 'archiver@example.org',
    on_success: false,
    on_error: true,
    on_cleanup: true,
  })
})

afterAll(() => undo.disposeAsync())

async function change(section: string, changes: object): Promise<void> {
  const { status, body } = await house.api.patch(`/api/settings/${section}`, changes)
  expect(status, JSON.stringify(body)).toBe(200)
}

/** A stack of its own with an archive of its own, and nothing in Docker. */
async function protect(prefix: string): Promise<{ stack: Stack; archive: number; name: string; folder: string }> {
  const name = uniqueName(prefix)
  const files = { 'notes.txt': `of ${name}\n`, 'data/big': Buffer.alloc(300_000, name) }
  const { folder } = undo.use(await makeStack({ name, composeYaml, parent, files }))
  const stack = await house.findStack(folder)
  return { stack, archive: await house.makeArchive(name, [stack], { mode: 'live', format: 'tar' }), name, folder }
}

async function ended(jobId: number): Promise<{ job: Job; log: string }> {
  const job = await until(`job ${jobId} to end`, async () => {
    const { job } = await house.job(jobId)
    return job.end_time ? job : undefined
  })
  return { job, log: (await house.api.get<string>(`/api/jobs/${jobId}/log`)).body }
}

async function asked(path: string, body?: unknown): Promise<{ job: Job; log: string }> {
  const answer = await house.api.post<{ job_id: number }>(path, body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(202)
  return ended(answer.body.job_id)
}

async function backUp(archive: number, status = 'success'): Promise<Backup> {
  const { job, log } = await asked(`/api/archives/${archive}/run`)
  expect(job.status, log).toBe(status)
  const { body } = await house.api.get<{ backups: Backup[] }>(`/api/backups?job_id=${job.id}`)
  const [backup] = body.backups
  if (!backup) throw new Error('There is no backup')
  return backup
}

const backupOf = async ({ id }: Backup) => (await house.api.get<{ backup: Backup }>(`/api/backups/${id}`)).body.backup
const fileOf = (path: string) => join(house.archivesDir, path)
const isThere = (path: string) => lstat(fileOf(path)).then(Boolean, () => false)
const cleanUp = (tasks: readonly CleanupTask[] = cleanupTasks, dry_run = false) =>
  asked('/api/cleanup/run', { dry_run, tasks })
const findingsOf = (job: Job): Finding[] => job.results.findings ?? []

/** Asks for a backup to be deleted and waits until it is in the trash. */
async function trash(backup: Backup): Promise<Backup> {
  const { status, body } = await house.api.delete<{ job_id: number }>(`/api/backups/${backup.id}`)
  expect(status).toBe(202)
  const { job, log } = await ended(body.job_id)
  expect(job.status, log).toBe('success')
  return backupOf(backup)
}

/** The minute's tick, now. */
async function tick(): Promise<void> {
  await house.database.sql`select graphile_worker.add_job('tick')`
}

test('Cleanup job: enabled (on), cron `30 2 * * *`, log retention days 90, dry run, notify', async () => {
  const { settings } = (await house.api.get<{ settings: any }>('/api/settings')).body
  expect(settings.cleanup).toMatchObject({ enabled: true, cron: '30 2 * * *', log_retention_days: 90, dry_run: false })
  expect(settings.notifications.on_cleanup).toBe(true)
  const state = async () => (await house.api.get<{ cleanup: any }>('/api/cleanup')).body.cleanup
  const { next_run_at } = await state()
  expect(Date.parse(next_run_at) - Date.now()).toBeLessThanOrEqual(25 * 3_600_000)
  expect(Date.parse(next_run_at)).toBeGreaterThan(Date.now())

  // its hour has come
  await tick()
  const { sql } = house.database
  await until(
    'the timer to be set',
    async () => (await sql`select name from archiver.timers where name = 'cleanup'`)[0],
  )
  await sql`update archiver.timers set next_run_at = now() - interval '5 minutes' where name = 'cleanup'`
  await tick()
  const { last_job } = await until('the cleanup to begin', async () => {
    const cleanup = await state()
    return cleanup.last_job && cleanup
  })
  const { job, log } = await ended(last_job.id)
  expect(job, log).toMatchObject({
    job_type: 'cleanup',
    status: 'success',
    triggered_by: 'schedule',
    is_dry_run: false,
  })
  expect(log).toMatch(/Phase 0: cleanup, triggered by schedule/)
  expect(log).toMatch(/Phase 3: the job has ended: success/)
  const told = await until('the mail of the cleanup', () =>
    mail.received.find(({ subject }) => /cleanup/i.test(subject ?? '')),
  )
  expect(told.text).toContain(`/history/${job.id}`)
})

test('Cleanup tasks, each selectable in Run now: orphaned archives, old logs, unreferenced folders, unreferenced files, expired downloads', async () => {
  const { archive, name } = await protect('each')
  const [orphan, offered] = [await backUp(archive), await backUp(archive)]
  const { sql } = house.database
  await sql`update archiver.backups set orphaned_at = now() where id = ${orphan.id}`
  await house.api.post('/api/downloads/request', { backup_id: offered.id })
  await sql`update archiver.downloads set expires_at = now() - interval '1 hour' where backup_id = ${offered.id}`
  await sql`update archiver.jobs set end_time = now() - interval '91 days' where id = ${offered.job_id}`
  await writeFile(fileOf(`${name}/notes.txt`), 'mine')
  const unused = await protect('unused')
  const gone = await trash(await backUp(unused.archive))
  await house.api.delete(`/api/archives/${unused.archive}`)

  const state = async () => ({
    orphaned_archives: await isThere(orphan.path),
    unreferenced_folders: await isThere(dirname(gone.path)),
    expired_downloads: (await sql`select id from archiver.downloads where backup_id = ${offered.id}`).length > 0,
    old_logs: (await sql`select line from archiver.log_lines where job_id = ${offered.job_id} limit 1`).length > 0,
  })
  const left: Record<string, boolean> = await state()
  expect(Object.values(left)).toEqual([true, true, true, true])
  for (const task of Object.keys(left) as CleanupTask[]) {
    // a dry run says the same and leaves it
    const dry = await cleanUp([task], true)
    expect(
      findingsOf(dry.job).map(({ task }) => task),
      dry.log,
    ).toContain(task)
    expect(await state()).toEqual(left)
    const { job, log } = await cleanUp([task])
    expect(job.status, log).toBe('success')
    expect(new Set(findingsOf(job).map(({ task }) => task))).toEqual(new Set([task]))
    left[task] = false
    expect(await state()).toEqual(left)
  }
  const { job } = await cleanUp(['unreferenced_files'])
  expect(findingsOf(job)).toContainEqual(expect.objectContaining({ path: `${name}/notes.txt`, did: 'reported' }))
  expect(await isThere(`${name}/notes.txt`)).toBe(true)
  expect(await isThere(offered.path)).toBe(true)
})

test('Orphans go to <archives>/.trash for 7 days, foreign things are only reported', async () => {
  const { archive, name } = await protect('orphan')
  const [orphan, stays] = [await backUp(archive), await backUp(archive)]
  const bytes = await readFile(fileOf(orphan.path))
  await mkdir(fileOf('holiday/photos'), { recursive: true })
  await writeFile(fileOf('holiday/photos/1.jpg'), 'a photo')
  const { sql } = house.database
  await sql`update archiver.backups set orphaned_at = now() where id = ${orphan.id}`

  const first = await cleanUp()
  expect(first.job.status, first.log).toBe('success')
  expect(await isThere(orphan.path)).toBe(false)
  const inTrash = await backupOf(orphan)
  expect(inTrash).toMatchObject({ state: 'good', trashed_at: expect.any(String) })
  const [trashed] = (await readdir(fileOf('.trash'))).filter((file) => file.startsWith(`${orphan.id}_`))
  expect((await readFile(fileOf(`.trash/${trashed}`))).equals(bytes)).toBe(true)
  expect(await isThere(stays.path)).toBe(true)
  expect(findingsOf(first.job)).toContainEqual(expect.objectContaining({ path: orphan.path, did: 'trashed' }))
  expect(findingsOf(first.job)).toContainEqual(expect.objectContaining({ path: 'holiday', did: 'reported' }))
  expect(await readFile(fileOf('holiday/photos/1.jpg'), 'utf8')).toBe('a photo')

  // not after six days, nor because a row says so while the disk knows better
  await sql`update archiver.backups set trashed_at = now() - interval '6 days' where id = ${orphan.id}`
  await cleanUp()
  expect(await isThere(`.trash/${trashed}`)).toBe(true)
  await sql`update archiver.backups set trashed_at = now() - interval '8 days' where id = ${orphan.id}`
  await cleanUp()
  expect(await isThere(`.trash/${trashed}`)).toBe(true)

  await change('cleanup', { trash_days: 0 })
  const last = await cleanUp(['expired_trash'])
  await change('cleanup', { trash_days: 7 })
  expect(await isThere(`.trash/${trashed}`)).toBe(false)
  expect(await backupOf(orphan)).toMatchObject({ state: 'deleted', deleted_at: expect.any(String) })
  expect(last.job.reclaimed_bytes).toBeGreaterThanOrEqual(bytes.length)
  expect(await isThere(`${name}/${name}`)).toBe(true)
})

test('Deleting an archive asks whether its backups stay (default: stay)', async () => {
  const kept = await protect('kept')
  const ofKept = await backUp(kept.archive)
  expect((await house.api.delete(`/api/archives/${kept.archive}`)).status).toBe(204)
  await cleanUp()
  expect(await isThere(ofKept.path)).toBe(true)
  expect(await backupOf(ofKept)).toMatchObject({ state: 'good', archive_id: null, trashed_at: null })

  const taken = await protect('taken')
  const [first, pinned] = [await backUp(taken.archive), await backUp(taken.archive)]
  const bytes = await readFile(fileOf(first.path))
  await house.api.post(`/api/backups/${pinned.id}/pin`, { pinned: true })
  const deletion = await house.api.delete<{ job_id: number }>(`/api/archives/${taken.archive}?backups=trash`)
  expect(deletion.status).toBe(202)
  const { job, log } = await ended(deletion.body.job_id)
  expect(job.status, log).toBe('success')
  expect(await isThere(first.path)).toBe(false)
  expect(await isThere(pinned.path)).toBe(true)

  const back = await asked(`/api/backups/${first.id}/undelete`)
  expect(back.job.status, back.log).toBe('success')
  expect((await readFile(fileOf(first.path))).equals(bytes)).toBe(true)
  await cleanUp()
  expect(await isThere(first.path)).toBe(true)
  expect(await backupOf(first)).toMatchObject({ trashed_at: null, archive_id: null })
})

test('Trash and undo: byte for byte, with its times', async () => {
  const { archive, name } = await protect('undo')
  const backup = await backUp(archive)
  const before = await treeOf(fileOf(`${name}/${name}`))
  expect(await trash(backup)).toMatchObject({ trashed_at: expect.any(String) })
  expect(await isThere(backup.path)).toBe(false)
  const { job, log } = await asked(`/api/backups/${backup.id}/undelete`)
  expect(job.status, log).toBe('success')
  const withoutFolder = (tree: string[]) => tree.filter((line) => !line.startsWith('"."'))
  expect(withoutFolder(await treeOf(fileOf(`${name}/${name}`)))).toEqual(withoutFolder(before))
})

test('Not again: deleting folders or files that were never ours, backups copied in, or backups whose job rows were purged', async () => {
  const { archive, name } = await protect('safe')
  const backup = await backUp(archive)
  const copy = join(dirname(backup.path), `20200101_030000_${name}.tar`)
  await copyFile(fileOf(backup.path), fileOf(copy))
  await mkdir(fileOf(`other-tool/${name}`), { recursive: true })
  await copyFile(fileOf(backup.path), fileOf(`other-tool/${name}/20200101_030000_${name}.tar`))
  await mkdir(fileOf('empty/inside'), { recursive: true })
  await mkdir(fileOf(`${name}/empty`))
  await writeFile(fileOf(`${name}/${name}/readme.txt`), 'mine')
  await writeFile(fileOf('loose'), 'mine, too')
  await symlink(parent, fileOf('link'))
  await mkdir(fileOf('.trash'), { recursive: true })
  await writeFile(fileOf('.trash/of mine'), 'not yours')
  await house.database.sql`delete from archiver.jobs where id = ${backup.job_id}`
  const gone = await house.api.delete(`/api/archives/${archive}`)
  expect(gone.status).toBe(204)
  await change('cleanup', { trash_days: 0 })
  await cleanUp() // what earlier tests left
  const before = await treeOf(house.archivesDir)
  const { job, log } = await cleanUp()
  await change('cleanup', { trash_days: 7 })
  expect(job.status, log).toBe('success')
  expect(await treeOf(house.archivesDir)).toEqual(before)
  for (const path of [backup.path, copy, `${name}/empty`, 'empty/inside', 'loose', 'link', '.trash/of mine'])
    expect(await isThere(path), path).toBe(true)
  expect(await backupOf(backup)).toMatchObject({ state: 'good', job_id: null })
  expect(findingsOf(job).filter(({ did }) => did !== 'reported')).toEqual([])
  const reported = findingsOf(job).map(({ path }) => path)
  for (const path of [copy, 'empty', 'loose', 'link', `${name}/empty`, `${name}/${name}/readme.txt`])
    expect(reported, path).toContain(path)
  expect(reported).not.toContain(backup.path)
})

test('Not again: A manual cleanup while the scheduled one is off must finish', async () => {
  await change('cleanup', { enabled: false })
  expect((await house.api.get<{ cleanup: any }>('/api/cleanup')).body.cleanup.next_run_at).toBe(null)
  const { job, log } = await asked('/api/cleanup/run', {})
  await change('cleanup', { enabled: true })
  expect(job, log).toMatchObject({ status: 'success', triggered_by: 'api', end_time: expect.any(String) })
  expect(log).toMatch(/Phase 3: the job has ended: success/)
})

test('Verify: a flipped byte in a backup is found, marked, mailed, and no longer counts for retention; a pin does', async () => {
  const { archive, stack, name } = await protect('rot')
  const [pinned, good, rotten] = [await backUp(archive), await backUp(archive), await backUp(archive)]
  await house.api.post(`/api/backups/${pinned.id}/pin`, { pinned: true })
  const fine = await asked(`/api/backups/${rotten.id}/verify`)
  expect(fine.job.status, fine.log).toBe('success')
  await flipByte(fileOf(rotten.path))

  const found = await asked(`/api/backups/${rotten.id}/verify`)
  expect(found.job, found.log).toMatchObject({ status: 'failed', job_type: 'verify' })
  expect(await backupOf(rotten)).toMatchObject({
    state: 'corrupt',
    verify_error: expect.stringMatching(/./),
    last_good: false,
  })
  expect((await house.findStack(stack.path)).last_backup).toMatchObject({ id: good.id, state: 'good' })
  const told = await until('the mail about it', () =>
    mail.received.find(({ text }) => text?.includes(`/history/${found.job.id}`)),
  )
  expect(told.text).toContain(name)

  // one a day: without the corrupt one the newest is `good`, and `pinned` stays whatever the rule says
  const policy = { retention_keep_days: 1, retention_keep_weeks: 0, retention_keep_months: 0, retention_keep_years: 0 }
  await house.api.patch(`/api/archives/${archive}`, { ...policy, retention_one_per_day: true })
  const { job, log } = await asked(`/api/archives/${archive}/retention`)
  expect(['success', 'warning'], log).toContain(job.status)
  expect(await backupOf(good)).toMatchObject({ state: 'good', last_good: false })
  expect(await backupOf(pinned)).toMatchObject({ state: 'good', pinned: true })
  expect(await isThere(good.path)).toBe(true)
  expect(await isThere(pinned.path)).toBe(true)
})

test('Verify: a backup that was removed is missed', async () => {
  const { archive } = await protect('missing')
  const backup = await backUp(archive)
  await rm(fileOf(backup.path))
  const { job, log } = await asked(`/api/backups/${backup.id}/verify`)
  expect(job.status, log).toBe('failed')
  expect(await backupOf(backup)).toMatchObject({ state: 'corrupt', verify_error: 'the file is not there' })
})

test('Verify: backups are read back day by day without being asked', async () => {
  const { archive } = await protect('rolling')
  const backup = await backUp(archive)
  await flipByte(fileOf(backup.path))
  const { sql } = house.database
  await sql`update archiver.backups set verified_at = now() - interval '29 days' where id = ${backup.id}`
  await sql`update archiver.timers set next_run_at = now() - interval '5 minutes' where name = 'verify'`
  await tick()
  const corrupt = await until('it to be found', async () => {
    const now = await backupOf(backup)
    return now.state === 'corrupt' && now
  })
  expect(corrupt.verify_error).not.toBe('')
  const { body } = await house.api.get<{ jobs: Job[] }>('/api/jobs?type=verify&limit=1')
  expect(body.jobs[0]).toMatchObject({ triggered_by: 'schedule' })
})

test('Guards: retention waits when the size collapses, until a person acknowledges it', async () => {
  const { archive, folder } = await protect('collapse')
  const [oldest, large] = [await backUp(archive), await backUp(archive)]
  await rm(join(folder, 'data'), { recursive: true })
  const small = await backUp(archive, 'warning')
  const policy = { retention_keep_days: 1, retention_keep_weeks: 0, retention_keep_months: 0, retention_keep_years: 0 }
  await house.api.patch(`/api/archives/${archive}`, { ...policy, retention_one_per_day: true })
  const waiting = await asked(`/api/archives/${archive}/retention`)
  expect(waiting.job.results.retention?.[0]?.waits, waiting.log).toMatch(/./)
  expect(waiting.job.status).toBe('warning')
  for (const { path } of [oldest, large, small]) expect(await isThere(path)).toBe(true)

  const { body } = await house.api.post<{ backup: Backup }>(`/api/backups/${small.id}/acknowledge`)
  expect(body.backup.acknowledged_at).toEqual(expect.any(String))
  const { job, log } = await asked(`/api/archives/${archive}/retention`)
  expect(job.results.retention?.[0], log).toMatchObject({ waits: '' })
  expect(await isThere(oldest.path)).toBe(false)
  expect(await isThere(small.path)).toBe(true)
})

async function flipByte(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  const { size } = await file.stat()
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, Math.floor(size / 2))
  byte[0] = (byte[0] ?? 0) ^ 1
  await file.write(byte, 0, 1, Math.floor(size / 2))
}

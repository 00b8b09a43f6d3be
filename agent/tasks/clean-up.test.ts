// Tidying an archives folder in which others left things, too.
import { chmod, mkdir, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hostCleanupTasks } from 'db/domain/cleanup'
import type { CareOutcome, CleanUpPayload } from 'db/domain/task'
import { cleanUp } from './clean-up.ts'
import { fixPermissions } from './fix-permissions.ts'
import { makeBench, type Bench } from './testing/bench.ts'
import { trashBackups } from './trash-backups.ts'

const never = new AbortController().signal
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000)

function clean(bench: Bench, payload: Partial<CleanUpPayload>, now = new Date()): Promise<CareOutcome> {
  const all: CleanUpPayload = {
    tasks: [...hostCleanupTasks],
    dry_run: false,
    known: [],
    orphans: [],
    folders: [],
    used: [],
    expired_trash: [],
    prepared: [],
    trash_days: 7,
    ...payload,
  }
  return cleanUp({ id: 70, job_id: 1, kind: 'clean_up', payload: all }, bench.tools, bench.report, never, now)
}

const everything = async (bench: Bench) => (await readdir(bench.archivesDir, { recursive: true })).sort()
const found = ({ findings = [] }: CareOutcome) => findings.map(({ task, path, did }) => `${task} ${path} ${did}`)

test('every task finds its own and nothing else; a dry run finds the same and changes nothing', async () => {
  await using bench = await makeBench()
  const kept = await bench.makeBackup(1)
  const orphan = await bench.makeBackup(2, { archive: 'old' })
  const trashed = await bench.makeBackup(3)
  const trash = await trashBackups(
    { id: 60, job_id: 1, kind: 'trash_backups', payload: { backups: [trashed] } },
    bench.tools,
    bench.report,
    never,
  )
  const trash_path = trash.backups[0]?.trash_path ?? ''
  const unknown = await bench.makeBackup(4)
  await bench.put(`${kept.path}.index`)
  await bench.put('nightly/shop/20260105_030000_shop.tar.zst.index')
  await bench.put('nightly/shop/.20260106_030000_shop.tar.zst.12.partial', 'half')
  await bench.put('nightly/shop/.20260107_030000_shop.tar.zst.13.partial', 'in the journal')
  await bench.put('nightly/shop/.my-own.partial')
  await bench.put('nightly/shop/notes.txt')
  await bench.put('photos/2024/beach.jpg')
  await bench.put('letter.txt')
  await symlink('/nowhere', join(bench.archivesDir, 'nightly', 'linked'))
  for (const path of ['nightly/gone', 'nightly/used', 'once/was', 'nightly/foreign'])
    await mkdir(join(bench.archivesDir, path), { recursive: true })
  await mkdir(bench.tools.downloadsDir)
  for (const name of [
    '5_20260101_030000_shop.tar.zst',
    '6_20260102_030000_shop.tar.zst',
    '7_my-file.zip',
    '.8_x.partial',
  ])
    await writeFile(join(bench.tools.downloadsDir, name), 'zip')
  await utimes(join(bench.tools.downloadsDir, '.8_x.partial'), 0, 0)
  await bench.tools.journal.write({
    task_id: 13,
    stack: { name: 'shop', path: '/shop' },
    was_running: true,
    containers: [],
    stopped_at: null,
    partial: join(bench.archivesDir, 'nightly/shop/.20260107_030000_shop.tar.zst.13.partial'),
    final: null,
    outcome: null,
  })
  const payload = {
    known: [kept.path, orphan.path, trash_path],
    orphans: [orphan],
    folders: [
      'nightly/gone',
      'nightly/used',
      'once/was',
      'nightly/shop',
      'old/shop',
      '../etc',
      'nightly',
      'nightly/linked',
    ],
    used: ['nightly/used', 'nightly/shop'],
    expired_trash: [{ ...trashed, trash_path }],
    prepared: [6],
  }
  const expected = [
    `orphaned_archives ${orphan.path} trashed`,
    'unreferenced_folders nightly/gone removed',
    'unreferenced_folders once/was removed',
    'unreferenced_folders once removed',
    'unreferenced_files letter.txt reported',
    'unreferenced_files nightly/foreign reported',
    'unreferenced_files photos reported',
    'unreferenced_files nightly/linked reported',
    'unreferenced_files nightly/shop/.my-own.partial reported',
    `unreferenced_files ${unknown.path} reported`,
    'unreferenced_files nightly/shop/20260105_030000_shop.tar.zst.index trashed',
    'unreferenced_files nightly/shop/notes.txt reported',
    'stale_partials nightly/shop/.20260106_030000_shop.tar.zst.12.partial removed',
    'stale_partials .8_x.partial removed',
    `expired_trash ${trash_path} removed`,
    'expired_downloads 5_20260101_030000_shop.tar.zst removed',
  ].sort()

  const before = await everything(bench)
  const dry = await clean(bench, { ...payload, dry_run: true }, inDays(8))
  expect(found(dry).sort()).toEqual(expected)
  expect([dry.status, dry.backups]).toEqual(['success', []])
  expect(await everything(bench)).toEqual(before)
  expect(await readdir(bench.tools.downloadsDir)).toHaveLength(4)

  const real = await clean(bench, payload, inDays(8))
  // the folder of the orphan is empty only now
  expect(found(real).sort()).toEqual(
    [...expected, 'unreferenced_folders old removed', 'unreferenced_folders old/shop removed'].sort(),
  )
  expect(real.status, real.reason).toBe('success')
  expect(real.backups.map(({ id, did }) => `${id} ${did}`)).toEqual([`${trashed.id} deleted`, `${orphan.id} trashed`])
  expect((await everything(bench)).filter((path) => !path.startsWith('.trash'))).toEqual(
    [
      ...['letter.txt', 'nightly', 'nightly/foreign', 'nightly/linked', 'nightly/shop', 'nightly/used'],
      ...['photos', 'photos/2024', 'photos/2024/beach.jpg', kept.path, `${kept.path}.index`, unknown.path],
      ...['.my-own.partial', '.20260107_030000_shop.tar.zst.13.partial', 'notes.txt'].map(
        (name) => `nightly/shop/${name}`,
      ),
    ].sort(),
  )
  expect((await readdir(join(bench.archivesDir, '.trash'))).sort()).toEqual([
    '0_20260105_030000_shop.tar.zst.index',
    `${orphan.id}_20260102_030000_shop.tar.zst`,
  ])
  expect((await readdir(bench.tools.downloadsDir)).sort()).toEqual(['6_20260102_030000_shop.tar.zst', '7_my-file.zip'])
})

test('the trash is emptied only when the disk, too, says that it is time, and never within a day', async () => {
  await using bench = await makeBench()
  const backup = await bench.makeBackup(1)
  await trashBackups(
    { id: 61, job_id: 1, kind: 'trash_backups', payload: { backups: [backup] } },
    bench.tools,
    bench.report,
    never,
  )
  const expired_trash = [{ ...backup, trash_path: `.trash/${backup.id}_20260101_030000_shop.tar.zst` }]
  for (const [trash_days, days] of [
    [7, 6],
    [0, 0.9],
  ] as const) {
    const early = await clean(bench, { tasks: ['expired_trash'], expired_trash, trash_days }, inDays(days))
    expect([early.status, early.backups, early.findings]).toEqual(['success', [], []])
  }
  const hostile = expired_trash.map((one) => ({ ...one, trash_path: '../precious' }))
  expect((await clean(bench, { tasks: ['expired_trash'], expired_trash: hostile }, inDays(30))).status).toBe('failed')
  const due = await clean(bench, { tasks: ['expired_trash'], expired_trash, trash_days: 7 }, inDays(8))
  expect(due.backups).toMatchObject([{ id: backup.id, did: 'deleted', bytes: backup.size_bytes }])
})

test('a disk that is not mounted is no reason to report anything gone', async () => {
  await using bench = await makeBench()
  const backup = await bench.makeBackup(1)
  await rm(join(bench.archivesDir, 'nightly'), { recursive: true })
  const outcome = await clean(bench, { known: [backup.path], orphans: [backup] })
  expect(outcome).toMatchObject({ status: 'failed', backups: [], findings: [] })
  expect(outcome.reason).toMatch(/its disk may not be mounted/)
  expect((await clean(bench, {})).status, 'where nothing was ever made, nothing is missing').toBe('success')
})

test('Output permissions: those of what we made are told, and put right when asked; what is in a folder backup is not looked at', async () => {
  await using bench = await makeBench()
  const mode = async (path: string) => ((await stat(join(bench.archivesDir, path))).mode & 0o7777).toString(8)
  const [file, folder] = [await bench.makeBackup(1), await bench.makeBackup(2, { format: 'folder' })]
  await bench.put('nightly/shop/notes.txt')
  await bench.put('photos/beach.jpg')
  const wrong = { [file.path]: '600', [folder.path]: '700', 'nightly/shop': '700', nightly: '2770' }
  const ours = { [`${folder.path}/stack/data.txt`]: '640', 'nightly/shop/notes.txt': '600', photos: '700' }
  for (const [path, bits] of Object.entries({ ...wrong, ...ours }))
    await chmod(join(bench.archivesDir, path), Number.parseInt(bits, 8))
  const ask = (fix: boolean) =>
    fixPermissions({ id: 71, job_id: 1, kind: 'fix_permissions', payload: { fix } }, bench.tools, bench.report, never)

  const checked = await ask(false)
  expect(checked.findings?.map(({ path, did }) => `${path} ${did}`).sort()).toEqual(
    Object.keys(wrong)
      .map((path) => `${path} reported`)
      .sort(),
  )
  for (const [path, bits] of Object.entries(wrong)) expect(await mode(path)).toBe(bits)
  expect((await ask(true)).findings?.map(({ did }) => did)).toEqual(['fixed', 'fixed', 'fixed', 'fixed'])
  expect(await Promise.all(Object.keys(wrong).map(mode))).toEqual(['644', '755', '755', '755'])
  for (const [path, bits] of Object.entries(ours)) expect(await mode(path)).toBe(bits)
  expect((await ask(true)).findings).toEqual([])
})

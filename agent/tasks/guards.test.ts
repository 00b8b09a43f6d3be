// What a server may ask for that is wrong, broken or hostile, and what the agent makes of it.
import { appendFile, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { CareOutcome, KnownBackup } from 'db/domain/task'
import { JobCancelled } from '../cancelled.ts'
import { deleteBackups } from './delete-backups.ts'
import { makeBench, type Bench } from './testing/bench.ts'
import { trashBackups, untrashBackups } from './trash-backups.ts'
import { verifyBackups } from './verify-backups.ts'

let tasks = 0
const never = new AbortController().signal

function ask(bench: Bench, backups: KnownBackup[]) {
  tasks += 1
  return {
    delete: () =>
      deleteBackups(
        { id: tasks, job_id: 1, kind: 'delete_backups', payload: { backups, reason: 'too old' } },
        bench.tools,
        bench.report,
        never,
      ),
    trash: () =>
      trashBackups(
        { id: tasks, job_id: 1, kind: 'trash_backups', payload: { backups } },
        bench.tools,
        bench.report,
        never,
      ),
    untrash: (trash_path: (backup: KnownBackup) => string) =>
      untrashBackups(
        {
          id: tasks,
          job_id: 1,
          kind: 'untrash_backups',
          payload: { backups: backups.map((backup) => ({ ...backup, trash_path: trash_path(backup) })) },
        },
        bench.tools,
        bench.report,
        never,
      ),
    verify: (signal = never) =>
      verifyBackups(
        { id: tasks, job_id: 1, kind: 'verify_backups', payload: { backups } },
        bench.tools,
        bench.report,
        signal,
      ),
  }
}

const did = (outcome: CareOutcome) => outcome.backups.map((one) => `${one.id} ${one.did}`)
const names = async (bench: Bench) =>
  (await readdir(bench.archivesDir, { recursive: true, withFileTypes: true }))
    .filter((entry) => /^\d{8}_\d{6}_/.test(entry.name))
    .map((entry) => entry.name)
    .sort()

test('a path that we would not have made is refused, and nothing outside is touched', async () => {
  await using bench = await makeBench()
  const known = [await bench.makeBackup(1), await bench.makeBackup(2)]
  const outside = join(dirname(bench.archivesDir), 'outside', 'shop')
  await mkdir(outside, { recursive: true })
  await writeFile(join(outside, '20260101_030000_shop.tar'), 'precious')
  await bench.put('nightly/shop/notes.txt')
  await symlink(dirname(outside), join(bench.archivesDir, 'linked'))
  await symlink(outside, join(bench.archivesDir, 'nightly', 'other'))
  await mkdir(join(bench.archivesDir, 'nightly', 'cloud'))
  await symlink(
    join(outside, '20260101_030000_shop.tar'),
    join(bench.archivesDir, 'nightly', 'cloud', '20260101_030000_cloud.tar'),
  )
  const paths = [
    '../outside/shop/20260101_030000_shop.tar',
    'nightly/../../outside/shop/20260101_030000_shop.tar',
    join(outside, '20260101_030000_shop.tar'),
    'nightly/shop/notes.txt',
    'nightly/shop',
    'nightly/shop/',
    'nightly/shop/20260101_030000_cloud.tar.zst',
    'nightly/shop/20260101_030000_shop.tar.zst.index',
    'nightly/shop/../shop/20260101_030000_shop.tar.zst',
    'nightly//20260101_030000_.tar.zst',
    'linked/shop/20260101_030000_shop.tar',
    'nightly/other/20260101_030000_other.tar',
    'nightly/cloud/20260101_030000_cloud.tar',
    'nightly/shop/20260101_030000_shop.tar.zst\0',
    '',
  ]
  const backups = paths.map((path, index) => ({ ...(known[0] as KnownBackup), id: index, path }))
  for (const act of ['delete', 'trash', 'verify'] as const) {
    const outcome = await ask(bench, backups)[act]()
    expect(outcome.status).toBe('failed')
    expect(outcome.backups.map((one) => one.did)).toEqual(paths.map(() => 'kept'))
  }
  expect(await readFile(join(outside, '20260101_030000_shop.tar'), 'utf8')).toBe('precious')
  expect(await names(bench)).toHaveLength(3)
})

test('the last backup of a stack stays, whatever the server says', async () => {
  await using bench = await makeBench()
  const other = await bench.makeBackup(1, { stack: 'blog' })
  const outcome = await ask(bench, [await bench.makeBackup(1)]).delete()
  expect(outcome.status).toBe('failed')
  expect(outcome.reason).toMatch(/stays: no other whole backup of this stack would remain/)
  expect((await ask(bench, [other]).delete()).status).toBe('failed')
  expect(await names(bench)).toHaveLength(2)
})

test('of two backups that are both to go, the newer stays', async () => {
  await using bench = await makeBench()
  const [old, recent] = [await bench.makeBackup(1), await bench.makeBackup(2)]
  const outcome = await ask(bench, [recent, old]).delete()
  expect(did(outcome)).toEqual(['1 deleted', '2 kept'])
  expect(outcome.status).toBe('warning')
  expect(outcome.backups[0]).toMatchObject({ reason: 'too old', bytes: old.size_bytes })
  expect(await names(bench)).toEqual(['20260102_030000_shop.tar.zst'])
})

test('a damaged backup does not count as one that remains; nor one that was changed since it was found whole', async () => {
  await using bench = await makeBench()
  const [old, recent] = [await bench.makeBackup(1), await bench.makeBackup(2)]
  const file = join(bench.archivesDir, recent.path)
  expect((await ask(bench, [recent]).verify()).status).toBe('success')
  await truncate(file, recent.size_bytes - 20)
  expect(did(await ask(bench, [old]).delete())).toEqual(['1 kept'])
  expect(bench.lines.join('\n')).toMatch(/does not count as one that remains: .*damaged/)
  expect(did(await ask(bench, [recent]).delete()), 'the damaged one may go').toEqual(['2 deleted'])
  expect(await names(bench)).toEqual(['20260101_030000_shop.tar.zst'])
})

test('what is known to be whole is not read again', async () => {
  await using bench = await makeBench()
  const backups = [await bench.makeBackup(1), await bench.makeBackup(2), await bench.makeBackup(3)]
  await ask(bench, backups.slice(2)).verify()
  bench.lines.length = 0
  expect(did(await ask(bench, backups.slice(0, 1)).delete())).toEqual(['1 deleted'])
  expect(bench.lines.join('\n')).not.toMatch(/Reading/)
})

test('everything at once: the older half goes, the rest is refused', async () => {
  await using bench = await makeBench()
  const backups: KnownBackup[] = []
  for (let day = 1; day <= 7; day++) backups.push(await bench.makeBackup(day))
  const outcome = await ask(bench, backups).delete()
  expect(did(outcome)).toEqual([1, 2, 3].map((id) => `${id} deleted`).concat([4, 5, 6, 7].map((id) => `${id} kept`)))
  expect(outcome.status).toBe('warning')
  expect(outcome.reason).toMatch(/of 7 backups of this stack at most 3 may be deleted at once/)
  expect(await names(bench)).toHaveLength(4)
  bench.tools.maxDeleteShare = 0
  expect((await ask(bench, backups.slice(3, 4)).delete()).status).toBe('failed')
})

test('a backup goes with its index; a folder wholly; one that is gone already is said to be, and frees nothing', async () => {
  await using bench = await makeBench()
  const backups = [
    await bench.makeBackup(1),
    await bench.makeBackup(2, { format: 'folder' }),
    await bench.makeBackup(3, { format: 'tar' }),
    await bench.makeBackup(4, { format: 'tar.gz' }),
    await bench.makeBackup(5),
    await bench.makeBackup(6),
  ]
  await bench.put(`${backups[0]?.path}.index`)
  await rm(join(bench.archivesDir, backups[2]?.path ?? ''))
  const outcome = await ask(bench, backups.slice(0, 3)).delete()
  expect(did(outcome)).toEqual(['1 deleted', '2 deleted', '3 deleted'])
  expect(outcome.backups.map(({ bytes }) => bytes > 0)).toEqual([true, true, false])
  expect((await readdir(join(bench.archivesDir, 'nightly', 'shop'))).sort()).toEqual(
    backups.slice(3).map(({ path }) => path.split('/')[2]),
  )
})

test('an archives folder that is away says nothing about its backups', async () => {
  await using bench = await makeBench()
  const backups = [await bench.makeBackup(1), await bench.makeBackup(2)]
  await rename(bench.archivesDir, `${bench.archivesDir}.away`)
  for (const look of ['is not there', 'is empty'])
    for (const act of ['delete', 'trash', 'verify'] as const) {
      const outcome = await ask(bench, backups)[act]()
      expect([outcome.status, ...did(outcome)]).toEqual(['failed', '1 kept', '2 kept'])
      if (look === 'is empty') expect(outcome.reason).toMatch(/is empty: its disk may not be mounted/)
      else await mkdir(bench.archivesDir, { recursive: true })
    }
})

test('verify: whole, damaged, exchanged and missing backups of every format are told apart', async () => {
  await using bench = await makeBench()
  for (const [index, format] of (['tar.zst', 'tar.gz', 'tar', 'folder'] as const).entries()) {
    const backup = await bench.makeBackup(index + 1, { format })
    const verified = await ask(bench, [backup]).verify()
    expect([verified.status, ...did(verified)], verified.reason).toEqual(['success', `${backup.id} verified`])
    const exchanged = await ask(bench, [{ ...backup, sha256: '0'.repeat(64) }]).verify()
    expect([exchanged.status, ...did(exchanged)]).toEqual(['failed', `${backup.id} corrupt`])
    expect(exchanged.reason).toMatch(/SHA-256 is not that of what was written/)
    const file = join(bench.archivesDir, backup.path)
    await appendFile(format === 'folder' ? join(file, 'stack', 'data.txt') : file, 'more')
    expect(did(await ask(bench, [backup]).verify())).toEqual([`${backup.id} corrupt`])
    await rm(file, { recursive: true })
    const missing = await ask(bench, [backup]).verify()
    expect([missing.status, ...did(missing)]).toEqual(['failed', `${backup.id} missing`])
  }
})

test('verify: a cancel keeps what was found so far, and judges nothing else', async () => {
  await using bench = await makeBench()
  const backups = [await bench.makeBackup(1), await bench.makeBackup(2)]
  const cancel = new AbortController()
  const say = bench.report.say
  bench.report.say = (level, text) => {
    say(level, text)
    if (text.includes('is whole')) cancel.abort(new JobCancelled())
  }
  const outcome = await ask(bench, backups).verify(cancel.signal)
  expect([outcome.status, ...did(outcome)]).toEqual(['cancelled', '1 verified'])
})

test('to the trash and back, with the index; asking twice does no harm', async () => {
  await using bench = await makeBench()
  const backup = await bench.makeBackup(1)
  await bench.put(`${backup.path}.index`, 'index')
  const inTrash = '.trash/1_20260101_030000_shop.tar.zst'
  for (let time = 0; time < 2; time++)
    expect((await ask(bench, [backup]).trash()).backups).toEqual([
      { id: 1, did: 'trashed', reason: '', bytes: 0, trash_path: inTrash },
    ])
  expect((await readdir(join(bench.archivesDir, '.trash'))).sort()).toEqual(
    [inTrash, `${inTrash}.index`].map((path) => path.slice('.trash/'.length)),
  )
  expect((await ask(bench, [backup]).untrash(() => '.trash/2_20260101_030000_shop.tar.zst')).status).toBe('failed')
  expect((await ask(bench, [backup]).untrash(() => '../etc/passwd')).status).toBe('failed')
  await bench.put(backup.path)
  const taken = await ask(bench, [backup]).untrash(() => inTrash)
  expect(taken.reason).toMatch(/cannot be brought back: something else has its name/)
  await rm(join(bench.archivesDir, backup.path))
  for (let time = 0; time < 2; time++)
    expect(did(await ask(bench, [backup]).untrash(() => inTrash))).toEqual(['1 restored'])
  expect(await readFile(join(bench.archivesDir, `${backup.path}.index`), 'utf8')).toBe('index')
  expect(did(await ask(bench, [backup]).verify())).toEqual(['1 verified'])
})

test('killed in the middle: the next agent tells what was done, by what the disk shows', async () => {
  await using bench = await makeBench()
  const [first, second] = [await bench.makeBackup(1), await bench.makeBackup(2)]
  const backups = [{ id: 9, did: 'deleted' as const, reason: '', bytes: 5 }]
  const entry = {
    stack: null,
    was_running: false,
    containers: [],
    stopped_at: null,
    partial: null,
    final: null,
    outcome: { status: 'failed' as const, reason: 'the agent ended during this step', backups },
  }
  const intent = (backup: KnownBackup) => ({
    result: { id: backup.id, did: 'deleted' as const, reason: 'too old', bytes: 7 },
    gone: join(bench.archivesDir, backup.path),
  })
  await bench.tools.journal.write({ ...entry, task_id: 101, intent: intent(first) })
  await bench.tools.journal.write({ ...entry, task_id: 102, intent: intent(second) })
  await rm(join(bench.archivesDir, first.path))
  const { leftovers, journal } = await bench.restart()
  const left = await leftovers.replay()
  expect(left.map(({ task_id, outcome }) => [task_id, did(outcome as CareOutcome)])).toEqual([
    [101, ['9 deleted', '1 deleted']],
    [102, ['9 deleted']],
  ])
  for (const { task_id } of left) await leftovers.reported(task_id)
  expect(await journal.holder(101)).toBe('nobody')
})

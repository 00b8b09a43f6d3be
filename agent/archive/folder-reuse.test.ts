// Folder backups that take over what has not changed, from the last one and from what was copied while the stack ran.
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { openPacking } from './pack.ts'
import type { PackRequest, PackResult } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { setAttribute } from './system-calls.ts'
import { packed, readBack, requestFor } from './testing/packing.ts'
import { contentOf, emptyFile, ground, isRoot, xfs } from './testing/tree.ts'

const quiet = new Pulse(() => {})
const format = 'folder'

afterEach(() => void vi.restoreAllMocks())

async function inTwoPasses(request: PackRequest, between: () => void): Promise<PackResult> {
  await using packing = openPacking(request, new Remarks(() => {}), quiet, new Date())
  await packing.readAhead()
  between()
  const finish = await packing.read()
  return await finish()
}

test('unchanged files are those of the last backup, changed ones are not', async () => {
  using at = ground()
  mkdirSync(join(at.source, 'data'))
  for (const name of ['same', 'data/changed', 'data/gone', 'moded'])
    writeFileSync(join(at.source, name), name.repeat(99))
  symlinkSync('same', join(at.source, 'link'))
  linkSync(join(at.source, 'same'), join(at.source, 'second'))
  await sleep(2100)
  const first = await packed(at.path, at.source, { format })
  writeFileSync(join(at.source, 'data/changed'), 'other'.repeat(99))
  rmSync(join(at.source, 'data/gone'))
  chmodSync(join(at.source, 'moded'), 0o700)
  writeFileSync(join(at.source, 'new'), 'new')
  const second = await packed(at.path, at.source, { format, previous: first.file })
  expect(contentOf(join(second.file, 'stack'))).toEqual(contentOf(at.source))
  expect(second.result).toMatchObject({ reused_bytes: 4 * 99, bytes_read: 5 * 99 + 5 * 99 + 3 })
  expect(await readBack(second.file, format)).toMatchObject({ sha256: second.result.sha256 })
  const inode = (backup: string, name: string) => statSync(join(backup, 'stack', name)).ino
  expect(inode(second.file, 'same')).toBe(inode(first.file, 'same'))
  expect(inode(second.file, 'data/changed')).not.toBe(inode(first.file, 'data/changed'))
  // the older one is what it was, and either can go
  expect(readFileSync(join(first.file, 'stack/data/changed'), 'utf8')).toBe('data/changed'.repeat(99))
  rmSync(first.file, { recursive: true })
  expect(contentOf(join(second.file, 'stack'))).toEqual(contentOf(at.source))
})

test.skipIf(!isRoot)('where blocks can be shared, each backup has files of its own', async () => {
  using disk = xfs()
  using at = ground(disk.path)
  writeFileSync(join(at.source, 'file'), Buffer.alloc(3_000_001, 'x'), { mode: 0o640 })
  const fd = openSync(join(at.source, 'file'), 'r+')
  setAttribute(fd, 'user.note', Buffer.from('kept'))
  closeSync(fd)
  writeFileSync(join(at.source, 'empty'), '')
  await sleep(2100)
  const first = await packed(at.path, at.source, { format })
  const second = await packed(at.path, at.source, { format, previous: first.file })
  expect(second.result).toMatchObject({ reused_bytes: 3_000_001, bytes_read: 0 })
  expect(contentOf(join(second.file, 'stack'))).toEqual(contentOf(at.source))
  expect(statSync(join(second.file, 'stack/file'))).toMatchObject({ nlink: 1 })
  const shared = execFileSync('filefrag', ['-v', join(second.file, 'stack/file')], { encoding: 'utf8' })
  expect(shared).toContain('shared')
})

test('a file of the last backup that is not what it was is copied anew; a last backup without its index is not used', async () => {
  using at = ground()
  for (const name of ['cut', 'touched', 'good']) writeFileSync(join(at.source, name), 'content')
  await sleep(2100)
  const first = await packed(at.path, at.source, { format })
  truncateSync(join(first.file, 'stack/cut'), 3)
  utimesSync(join(first.file, 'stack/touched'), 0, 0)
  const second = await packed(at.path, at.source, { format, previous: first.file })
  expect(contentOf(join(second.file, 'stack'))).toEqual(contentOf(at.source))
  expect(second.result).toMatchObject({ reused_bytes: 7, bytes_read: 14 })
  rmSync(`${second.file}.index`)
  const third = await packed(at.path, at.source, { format, previous: second.file })
  expect(third.result.reused_bytes).toBe(0)
  expect(third.remarks[0]?.text).toContain('Everything is read, because the last backup cannot be used')
  const fourth = await packed(at.path, at.source, { format, previous: third.file, full_read_every: 0 })
  expect(fourth.remarks[0]?.text).toContain('every file was last read 0 days ago')
})

test('what was copied while the stack ran is not read again while it is stopped, and leaves nothing behind', async () => {
  using at = ground()
  for (let n = 0; n < 50; n++) writeFileSync(join(at.source, `f${n}`), `${n}`.repeat(1000))
  await sleep(2100)
  const out = emptyFile(join(at.path, 'out'), format)
  const made = await inTwoPasses(requestFor(at.source, { out, format }), () => {
    appendFileSync(join(at.source, 'f7'), 'more')
    renameSync(join(at.source, 'f8'), join(at.source, 'renamed'))
    rmSync(join(at.source, 'f9'))
  })
  expect(made.bytes_read).toBe(1004 + 1000)
  expect(contentOf(join(out, 'stack'))).toEqual(contentOf(at.source))
  expect(readdirSync(out)).toEqual(['stack'])
  expect(existsSync(`${out}.ahead`)).toBe(false)
  expect(await readBack(out, format)).toMatchObject({ sha256: made.sha256, content_bytes: made.content_bytes })
})

test('a pass that has to be repeated, because somebody started the stack under it, copies only what changed since', async () => {
  using at = ground()
  for (let n = 0; n < 20; n++) writeFileSync(join(at.source, `f${n}`), `${n}`.repeat(1000))
  await sleep(2100)
  const out = emptyFile(join(at.path, 'out'), format)
  const append = [{ name: '_archive/manifest.json', content: '{}', mode: 0o600 }]
  await using packing = openPacking(
    requestFor(at.source, { out, format, append }),
    new Remarks(() => {}),
    quiet,
    new Date(),
  )
  await packing.readAhead()
  writeFileSync(join(at.source, 'f3'), 'first')
  await packing.read()
  writeFileSync(join(at.source, 'f4'), 'second')
  rmSync(join(at.source, 'f5'))
  const made = await (await packing.read())()
  // what was written within the last two seconds is read once more
  expect(made.bytes_read).toBe('first'.length + 'second'.length)
  expect(contentOf(join(out, 'stack'))).toEqual(contentOf(at.source))
  expect(readdirSync(out)).toEqual(['_archive', 'stack'])
  expect(await readBack(out, format)).toMatchObject({ sha256: made.sha256 })
})

test('random edits before, between and after: each backup equals the tree, and its predecessors stay what they were', async () => {
  // what was just written is old enough to be trusted: nothing else happens to it
  const now = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => now() + 10_000)
  let most = 0
  const edit = fc.record({
    do: fc.constantFrom('write', 'write', 'grow', 'touch', 'delete', 'chmod', 'rename', 'hardLink', 'hole'),
    at: fc.nat(20),
    size: fc.nat(3000),
  })
  const generation = fc.tuple(fc.array(edit, { minLength: 1, maxLength: 12 }), fc.array(edit, { maxLength: 6 }))
  await fc.assert(
    fc.asyncProperty(fc.array(generation, { minLength: 4, maxLength: 4 }), async (generations) => {
      using at = ground()
      const apply = (one: { do: string; at: number; size: number }) => {
        const folder = join(at.source, ['', 'a', 'a/b'][one.at % 3] ?? '')
        mkdirSync(folder, { recursive: true })
        const path = join(folder, `f${one.at % 7}`)
        const there = lstatSync(path, { throwIfNoEntry: false })
        if (one.do === 'write') writeFileSync(path, Buffer.alloc(one.size, one.at))
        else if (!there) return
        else if (one.do === 'grow') appendFileSync(path, 'more')
        else if (one.do === 'touch') utimesSync(path, one.size, one.size)
        else if (one.do === 'delete') rmSync(path)
        else if (one.do === 'chmod') chmodSync(path, 0o600 + (one.size % 64))
        else if (one.do === 'rename') renameSync(path, `${path}r`)
        else if (one.do === 'hole') truncateSync(path, there.size + 200_000)
        else if (!existsSync(`${path}h`)) linkSync(path, `${path}h`)
      }
      const made: [backup: string, content: string[]][] = []
      let reused = 0
      for (const [number, [before, between]] of generations.entries()) {
        before.forEach(apply)
        const out = emptyFile(join(at.path, `g${number}`), format)
        const previous = made.at(-1)?.[0] ?? null
        const result = await inTwoPasses(requestFor(at.source, { out, format, previous }), () => between.forEach(apply))
        made.push([out, contentOf(at.source)])
        reused += result.reused_bytes
        expect(await readBack(out, format)).toMatchObject({ sha256: result.sha256, entry_count: result.entry_count })
      }
      for (const [backup, content] of made) expect(contentOf(join(backup, 'stack'))).toEqual(content)
      most = Math.max(most, reused)
    }),
    { numRuns: 12 },
  )
  expect(most).toBeGreaterThan(0)
}, 120_000)

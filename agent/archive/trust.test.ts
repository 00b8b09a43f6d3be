// When a file counts as it was, and when it is read again.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'
import { expect, test } from 'vitest'
import { openPacking } from './pack.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { packed, requestFor } from './testing/packing.ts'
import { emptyFile, extract, ground, isRoot } from './testing/tree.ts'

const old = new Date('2026-01-02T03:04:05Z')

test('a file changed within the last two seconds, or later than now, is read again by the next backup; an older one is not', async () => {
  using at = ground()
  writeFileSync(join(at.source, 'later'), 'later')
  const inAnHour = new Date(Date.now() + 3_600_000)
  utimesSync(join(at.source, 'later'), inAnHour, inAnHour)
  writeFileSync(join(at.source, 'old'), 'old'.repeat(1_000_000))
  await sleep(2100)
  const first = await packed(at.path, at.source)
  const again = await packed(at.path, at.source, { previous: first.file })
  expect(again.result).toMatchObject({ reused_bytes: 3_000_000, bytes_read: 5 })
})

test('after thirty days everything is read again', async () => {
  using at = ground()
  writeFileSync(join(at.source, 'file'), 'content')
  await sleep(2100)
  const { file } = await packed(at.path, at.source)
  const { result, remarks } = await packed(at.path, at.source, { previous: file, full_read_every: 0 })
  expect(result).toMatchObject({ reused_bytes: 0, bytes_read: 7 })
  expect(remarks[0]?.text).toContain('every file was last read 0 days ago')
})

/** A program that has a file mapped into its memory, as databases do. */
function mapped(path: string) {
  const libc = koffi.load(null)
  const mmap = libc.func('void *mmap(void *addr, uint64_t length, int prot, int flags, int fd, int64_t offset)')
  const munmap = libc.func('int munmap(void *addr, uint64_t length)')
  const fd = openSync(path, 'r+')
  const { size } = statSync(path)
  const address: unknown = mmap(null, size, 3, 1, fd, 0)
  return {
    store: (offset: number, byte: number) => koffi.encode(address, offset, 'uint8_t', byte),
    [Symbol.dispose]() {
      munmap(address, size)
      closeSync(fd)
    },
  }
}

test('a store through mmap into a page that is dirty already, between the passes, is in the backup', async () => {
  using at = ground()
  const path = join(at.source, 'database')
  writeFileSync(path, Buffer.alloc(64 * 1024))
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
  utimesSync(path, old, old)
  using map = mapped(path)
  map.store(100, 1)
  await sleep(2500) // the time that store has moved is now too old to be doubted
  const before = statSync(path, { bigint: true }).mtimeNs

  const out = emptyFile(join(at.path, 'out'))
  await using packing = openPacking(
    requestFor(at.source, { out }),
    new Remarks(() => {}),
    new Pulse(() => {}),
    new Date(),
  )
  await packing.readAhead()
  expect(statSync(path, { bigint: true }).mtimeNs, 'reading moves no time').toBe(before)
  map.store(101, 2)
  const finish = await packing.read()
  await finish()
  const restored = readFileSync(join(extract(out, join(at.path, 'restored')), 'stack/database'))
  expect([restored[100], restored[101]]).toEqual([1, 2])
})

test.skipIf(!isRoot)(
  'on tmpfs, whose times prove nothing, everything is read every time, and that is told',
  async () => {
    using at = ground()
    const memory = join(at.path, 'memory')
    mkdirSync(memory)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', memory])
    try {
      writeFileSync(join(memory, 'file'), 'content')
      utimesSync(join(memory, 'file'), old, old)
      await sleep(2100)
      const { file } = await packed(at.path, memory)
      const { result, remarks } = await packed(at.path, memory, { previous: file })
      expect(result).toMatchObject({ reused_bytes: 0, bytes_read: 7 })
      expect(remarks.map(({ text }) => text).join()).toContain('are read every time')
    } finally {
      execFileSync('umount', [memory])
    }
  },
)

test('what is gone at the end of one source does not make the next one be read again', async () => {
  using at = ground()
  const volume = join(at.path, 'volume')
  mkdirSync(volume)
  for (const name of ['a', 'b', 'c']) writeFileSync(join(at.source, name), 'x'.repeat(3_000_000))
  writeFileSync(join(volume, 'data'), 'y'.repeat(3_000_000))
  const sources = [
    { path: at.source, prefix: 'stack', optional: false },
    { path: volume, prefix: '_volumes/v', optional: false },
  ]
  await sleep(2100)
  const first = await packed(at.path, at.source, { sources })
  rmSync(join(at.source, 'c'))
  const again = await packed(at.path, at.source, { sources, previous: first.file })
  expect(again.result).toMatchObject({ reused_bytes: 9_000_000, bytes_read: 0 })
  rmSync(join(at.source, 'b'))
  const turned = await packed(at.path, at.source, { sources: sources.toReversed(), previous: again.file })
  expect(turned.result.reused_bytes).toBeGreaterThan(0)
  expect(turned.result.content_bytes).toBe(6_000_000)
})

// Large files that changed, on a file system that shares blocks: kept as they are while the stack is stopped, read when it is up again.
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openPacking } from './pack.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { shareBlocks } from './system-calls.ts'
import { requestFor } from './testing/packing.ts'
import { contentOf, emptyFile, extract, ground, isRoot, scratch, xfs } from './testing/tree.ts'
import { verify } from './verify.ts'

const MiB = 2 ** 20
const quiet = new Pulse(() => {})

function change(file: string, at: number, fill: string): void {
  const fd = openSync(file, 'r+')
  writeSync(fd, fill.repeat(5000), at)
  closeSync(fd)
}

test.skipIf(!isRoot)(
  'what changed in large files is in the backup as it was when the stack was stopped, whatever comes later',
  async () => {
    using disk = xfs()
    using at = ground(disk.path)
    const names = ['whole', 'odd', 'small', 'grown', 'new']
    const [whole = '', odd = '', small = '', grown = '', added = ''] = names.map((name) => join(at.source, name))
    writeFileSync(whole, Buffer.alloc(24 * MiB, 'abcdefg'))
    writeFileSync(odd, Buffer.alloc(20 * MiB + 777, 'hijklmn'))
    writeFileSync(small, Buffer.alloc(5 * MiB, 'opq'))
    writeFileSync(grown, Buffer.alloc(16 * MiB - 1, 'rst'))
    const out = emptyFile(join(at.path, 'out'))
    {
      await using packing = openPacking(requestFor(at.source, { out }), new Remarks(() => {}), quiet, new Date())
      await packing.readAhead()
      const afterFirst = statSync(out).size
      change(whole, 9 * MiB, 'changed')
      change(odd, 20 * MiB, 'changed')
      change(small, 100, 'changed')
      writeFileSync(grown, 'grown', { flag: 'a' })
      writeFileSync(added, Buffer.alloc(17 * MiB + 1, 'uvw'))
      const then = contentOf(at.source)
      const finish = await packing.read()
      for (const file of [whole, odd, grown, added]) change(file, 3 * MiB, 'later')
      await finish()
      const restored = contentOf(join(extract(out, join(at.path, 'restored')), 'stack'))
      expect(restored).toEqual(then)
      // unchanged parts are moved, not made anew: these compress to next to nothing, and so does what changed
      expect(statSync(out).size).toBeLessThan(afterFirst + 2 * MiB)
    }
    await verify({ op: 'verify', file: out, format: 'tar.zst', frames: 'all' }, quiet)
  },
)

test.skipIf(!isRoot)('blocks are shared where the file system can, and only within one', () => {
  using disk = xfs()
  using elsewhere = scratch()
  const file = (path: string, bytes: Buffer) => {
    writeFileSync(path, bytes)
    return openSync(path, 'r+')
  }
  const from = file(join(disk.path, 'from'), Buffer.alloc(MiB, 'x'))
  const to = file(join(disk.path, 'to'), Buffer.alloc(0))
  const other = file(join(elsewhere.path, 'other'), Buffer.alloc(0))
  try {
    expect(shareBlocks(from, 0, to, 0, 0)).toBe(true)
    expect(shareBlocks(from, 4096, to, MiB, 8192)).toBe(true)
    expect(readFileSync(join(disk.path, 'to'))).toEqual(Buffer.alloc(MiB + 8192, 'x'))
    expect(shareBlocks(from, 0, to, 100, 0)).toBe(false)
    expect(shareBlocks(from, 0, other, 0, 0)).toBe(false)
  } finally {
    for (const fd of [from, to, other]) closeSync(fd)
  }
})

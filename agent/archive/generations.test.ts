// Generations of backups, each taking over what it can from the one before: random trees, random edits.
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PackRequest, PackResult, TarFormat } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { TarPacking } from './tar-packing.ts'
import { inlineThread } from './testing/inline-thread.ts'
import { packed, requestFor } from './testing/packing.ts'
import { contentOf, emptyFile, extract, ground } from './testing/tree.ts'
import { verify } from './verify.ts'

// Nothing else happens to these trees: what was just written is old enough to be trusted. The threads are this one, to have the same time.
const now = Date.now
beforeEach(() => void vi.spyOn(Date, 'now').mockImplementation(() => now() + 10_000))
afterEach(() => void vi.restoreAllMocks())
const here = () => {}

const old = new Date('2026-01-02T03:04:05Z')

type Edit =
  | { do: 'write'; at: number; size: number; fill: number }
  | {
      do: 'touch' | 'delete' | 'chmod' | 'rename' | 'link' | 'hardLink' | 'folder' | 'change' | 'grow' | 'hole'
      at: number
      size: number
      fill: number
    }

const kinds = [
  'write',
  'write',
  'write',
  'touch',
  'delete',
  'chmod',
  'rename',
  'link',
  'hardLink',
  'folder',
  'change',
  'grow',
  'hole',
] as const
const edit: fc.Arbitrary<Edit> = fc.record({
  do: fc.constantFrom(...kinds),
  at: fc.nat(40),
  // small ones, those about a block, and a few of several chunks
  size: fc.oneof(
    { weight: 8, arbitrary: fc.nat(3000) },
    { weight: 1, arbitrary: fc.integer({ min: 2_090_000, max: 2_110_000 }) },
    { weight: 1, arbitrary: fc.nat(5_000_000) },
  ),
  fill: fc.nat(255),
})

/** Names of two folders deep, so that edits meet each other. */
function placeOf(source: string, at: number): string {
  const folder = join(source, ['', 'a', 'a/b', 'c-d', 'c'][at % 5] ?? '')
  mkdirSync(folder, { recursive: true })
  return join(folder, `f${at % 8}`)
}

function bytesOf(size: number, fill: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += 7) bytes[at] = (at * 31 + fill * (at >> 8)) & 255
  return bytes
}

function apply(source: string, { do: what, at, size, fill }: Edit): void {
  const path = placeOf(source, at)
  const there = lstatSync(path, { throwIfNoEntry: false })
  const other = placeOf(source, at + 3)
  if (what === 'folder') {
    if (!there) mkdirSync(path)
    return
  }
  if (there?.isDirectory()) return
  if (what === 'write') {
    rmSync(path, { force: true })
    writeFileSync(path, bytesOf(size, fill))
    utimesSync(path, old, new Date(old.getTime() + fill * 1000))
  } else if (!there) return
  else if (what === 'delete') rmSync(path)
  else if (what === 'rename') {
    if (!lstatSync(other, { throwIfNoEntry: false })) renameSync(path, other)
  } else if (what === 'hardLink') {
    if (!lstatSync(other, { throwIfNoEntry: false })) linkSync(path, other)
  } else if (what === 'link') {
    rmSync(path)
    symlinkSync('elsewhere', path)
  } else if (!there.isFile()) return
  else if (what === 'touch') utimesSync(path, old, new Date(old.getTime() + size))
  else if (what === 'chmod') chmodSync(path, 0o600 + (fill % 64))
  else if (what === 'hole') truncateSync(path, there.size + 3_000_000)
  else {
    // the same size, or longer
    const bytes = readFileSync(path)
    const at = (fill * 7919) % Math.max(1, bytes.length)
    if (bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(at) ^ 255, at)
    writeFileSync(path, what === 'grow' ? Buffer.concat([bytes, bytesOf(size, fill)]) : bytes)
  }
}

async function inTwoPasses(request: PackRequest & { format: TarFormat }, between: () => void): Promise<PackResult> {
  await using packing = new TarPacking(
    request,
    new Remarks(() => {}),
    new Pulse(() => {}),
    new Date('2026-11-23T12:34:56.789Z'),
    [inlineThread(here)],
  )
  await packing.readAhead()
  between()
  const finish = await packing.read()
  return await finish()
}

const wholeTree = (backup: string, to: string) => contentOf(join(extract(backup, to), 'stack'))

for (const format of ['tar.zst', 'tar.gz', 'tar'] as const)
  test(`${format}: ten generations that take over what they can equal the tree, and a backup made afresh, to the byte`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(edit, { minLength: 1, maxLength: 12 }), { minLength: 10, maxLength: 10 }),
        async (generations) => {
          using at = ground()
          let previous: string | null = null
          let reused = 0
          for (const [generation, edits] of generations.entries()) {
            for (const one of edits) apply(at.source, one)
            const { file, result } = await packed(at.path, at.source, { format, previous }, here)
            reused += result.reused_bytes
            const fresh = await packed(at.path, at.source, { format }, here)
            expect(readFileSync(file).equals(readFileSync(fresh.file))).toBe(true)
            expect(result).toMatchObject({
              ...fresh.result,
              bytes_read: result.bytes_read,
              reused_bytes: result.reused_bytes,
              index_bytes: result.index_bytes,
            })
            if (generation % 3 === 2)
              expect(wholeTree(file, join(at.path, `r${generation}`))).toEqual(contentOf(at.source))
            previous = file
          }
          expect(reused).toBeGreaterThan(0)
        },
      ),
      { numRuns: format === 'tar.zst' ? 8 : 3 },
    )
  }, 120_000)

for (const format of ['tar.zst', 'tar.gz', 'tar'] as const)
  test(`${format}: what changes between the two passes is in the backup as it is in the end, and in the next one`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(edit, { minLength: 1, maxLength: 20 }), fc.array(edit, { maxLength: 8 })), {
          minLength: 3,
          maxLength: 3,
        }),
        async (generations) => {
          using at = ground()
          let previous: string | null = null
          for (const [generation, [before, between]] of generations.entries()) {
            for (const one of before) apply(at.source, one)
            const out = emptyFile(join(at.path, `g${generation}`))
            const made = await inTwoPasses({ ...requestFor(at.source, { out, previous }), format }, () => {
              for (const one of between) apply(at.source, one)
            })
            expect(wholeTree(out, join(at.path, `r${generation}`))).toEqual(contentOf(at.source))
            const read = await verify({ op: 'verify', file: out, format, frames: 'all' }, new Pulse(() => {}))
            expect(read).toMatchObject({
              sha256: made.sha256,
              entry_count: made.entry_count,
              content_bytes: made.content_bytes,
              index: 'whole',
            })
            previous = out
          }
        },
      ),
      { numRuns: 8 },
    )
  }, 120_000)

test('a previous backup that is cut, or is not the one its index tells, is noticed and not used', async () => {
  using at = ground()
  for (let n = 0; n < 20; n++) writeFileSync(join(at.source, `f${n}`), bytesOf(100_000, n))
  const { file } = await packed(at.path, at.source)
  const bytes = readFileSync(file)
  const index = readFileSync(`${file}.index`)
  const other = await packed(at.path, at.source, { append: [{ name: '_archive/x', content: 'other', mode: 0o600 }] })
  const why = async () => {
    const { result, remarks } = await packed(at.path, at.source, { previous: file })
    expect(result.reused_bytes).toBe(0)
    expect(remarks[0]?.text).toMatch(/^Everything is read, because the last backup cannot be used: /)
    return remarks[0]?.text ?? ''
  }
  truncateSync(file, bytes.length - 1)
  expect(await why()).toContain('it has not the length its index tells')
  writeFileSync(file, Buffer.concat([readFileSync(other.file), Buffer.alloc(bytes.length)]).subarray(0, bytes.length))
  expect(await why()).toMatch(/it is not the file its index is about|cannot be read/)
  writeFileSync(file, bytes)
  truncateSync(`${file}.index`, index.length - 1)
  expect(await why()).toContain('its bytes are not those that were written')
  writeFileSync(`${file}.index`, readFileSync(`${other.file}.index`))
  expect(await why()).toMatch(/length|not the file/)
  rmSync(`${file}.index`)
  expect(await why()).toContain('it does not exist')
  writeFileSync(`${file}.index`, index)
  expect(readdirSync(at.path).filter((name) => name.endsWith('.spool') || name.endsWith('.ahead'))).toEqual([])
})

test('a second pass that has to be repeated, because somebody started the stack under it, counts alone', async () => {
  using at = ground()
  for (let n = 0; n < 20; n++) writeFileSync(join(at.source, `f${n}`), bytesOf(n % 4 === 0 ? 2_500_000 : 3000, n))
  const out = emptyFile(join(at.path, 'out'))
  const request = { ...requestFor(at.source, { out }), format: 'tar.zst' as const }
  await using packing = new TarPacking(request, new Remarks(() => {}), new Pulse(() => {}), new Date(), [
    inlineThread(here),
  ])
  await packing.readAhead()
  writeFileSync(join(at.source, 'f3'), 'first')
  rmSync(join(at.source, 'f4'))
  await packing.read()
  writeFileSync(join(at.source, 'f3'), 'second')
  writeFileSync(join(at.source, 'f8'), bytesOf(2_500_000, 99))
  const made = await (await packing.read())()
  expect(wholeTree(out, join(at.path, 'restored'))).toEqual(contentOf(at.source))
  const read = await verify({ op: 'verify', file: out, format: 'tar.zst', frames: 'all' }, new Pulse(() => {}))
  expect(read).toMatchObject({ sha256: made.sha256, index: 'whole', entry_count: made.entry_count })
})

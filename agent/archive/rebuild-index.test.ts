import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { list, type Listed } from './list.ts'
import type { TarFormat } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { rebuildIndex } from './rebuild-index.ts'
import { packed, readBack } from './testing/packing.ts'
import { contentOf, ground } from './testing/tree.ts'
import { unpacked } from './testing/ways-out.ts'

const MiB = 1024 * 1024
const quiet = new Pulse(() => {})

function fill(source: string): void {
  mkdirSync(join(source, 'folder'))
  for (let n = 0; n < 50; n++) writeFileSync(join(source, 'folder', String(n)), Buffer.alloc(n * 5000, n))
  writeFileSync(join(source, 'large'), Buffer.alloc(5 * MiB, 'large '))
  linkSync(join(source, 'large'), join(source, 'large-too'))
  linkSync(join(source, 'folder/7'), join(source, 'seven'))
  symlinkSync('nowhere', join(source, 'link'))
  writeFileSync(join(source, 'holes'), '')
  truncateSync(join(source, 'holes'), 100 * MiB)
}

async function listed(file: string, format: TarFormat): Promise<Listed[]> {
  const entries: Listed[] = []
  await list(file, format, (entry) => entries.push(entry), quiet)
  return entries.map((entry) => ({ ...entry, mtimeNs: entry.name.startsWith('_archive') ? 0n : entry.mtimeNs }))
}

test.each(['tar.zst', 'tar.gz'] as const)('an index of a %s that was lost is made anew', async (format) => {
  using at = ground()
  fill(at.source)
  const append = [{ name: '_archive/manifest.json', content: '{}', mode: 0o600 }]
  const { file, result } = await packed(at.path, at.source, { format, append })
  const before = await listed(file, format)
  unlinkSync(`${file}.index`)
  expect(await rebuildIndex(file, format, quiet)).toBe(true)
  expect(await listed(file, format)).toEqual(before)
  const { sha256, entry_count } = result
  expect(await readBack(file, format)).toMatchObject({ sha256, entry_count, index: 'whole' })
  const to = join(at.path, 'to')
  expect(await unpacked(file, to, { format })).toMatchObject({ faults: [], index: 'whole' })
  expect(contentOf(join(to, 'stack'))).toEqual(contentOf(at.source))
  const next = await packed(at.path, at.source, { format, previous: file })
  expect(next.result.reused_bytes).toBe(0)
})

test('what others made, and a plain tar, stay without one, and can be unpacked', async () => {
  using at = ground()
  fill(at.source)
  const plain = await packed(at.path, at.source, { format: 'tar' })
  unlinkSync(`${plain.file}.index`)
  expect(await rebuildIndex(plain.file, 'tar', quiet)).toBe(false)
  for (const [format, flag] of [
    ['tar.gz', '-z'],
    ['tar.zst', '--zstd'],
    ['tar', '-S'],
  ] as const) {
    const file = join(at.path, `others.${format}`)
    execFileSync('tar', ['-c', flag, '--format=gnu', '-f', file, '-C', at.path, 'source'])
    expect(await rebuildIndex(file, format, quiet)).toBe(false)
    expect(existsSync(`${file}.index`)).toBe(false)
    expect(await readBack(file, format)).toMatchObject({ entry_count: 57, index: 'missing' })
    const to = join(at.path, `to-${format}`)
    expect(await unpacked(file, to, { format })).toMatchObject({ faults: [], index: 'missing' })
    expect(namesAndContent(join(to, 'source'))).toEqual(namesAndContent(at.source))
  }
})

test('a damaged backup gets none', async () => {
  using at = ground()
  fill(at.source)
  const { file } = await packed(at.path, at.source)
  unlinkSync(`${file}.index`)
  const bytes = readFileSync(file)
  bytes[30] = (bytes[30] ?? 0) ^ 1
  writeFileSync(file, bytes)
  await expect(rebuildIndex(file, 'tar.zst', quiet)).rejects.toMatchObject({ code: 'CORRUPT' })
  expect(existsSync(`${file}.index`)).toBe(false)
})

/** GNU tar's own format keeps whole seconds. */
function namesAndContent(folder: string): string[] {
  return contentOf(folder).map((line) => line.split('|').toSpliced(5, 1).join('|'))
}

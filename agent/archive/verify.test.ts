import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { archiveFormats, type ArchiveFormat } from 'db/domain/archive'
import { indexPathOf } from './index-path.ts'
import type { PackResult } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { packed } from './testing/packing.ts'
import { ground } from './testing/tree.ts'
import { verify } from './verify.ts'

const fileFormats = ['tar.zst', 'tar.gz', 'tar'] as const

/** With its index when `packed` is given, else as if that were lost. */
async function readBack(file: string, packed?: PackResult, format: ArchiveFormat = 'tar.zst') {
  const hidden = `${file}.hidden`
  const hides = !packed && existsSync(indexPathOf(file))
  if (hides) renameSync(indexPathOf(file), hidden)
  try {
    return await verify({ op: 'verify', file, format, frames: 'all' }, new Pulse(() => {}))
  } finally {
    if (hides) renameSync(hidden, indexPathOf(file))
  }
}

/** A backup of a little of everything; its content does not compress to nothing. */
async function sample(
  at: { path: string; source: string },
  format: ArchiveFormat = 'tar.zst',
): Promise<{ file: string; result: PackResult }> {
  writeFileSync(join(at.source, 'text'), 'text '.repeat(3000))
  writeFileSync(
    join(at.source, 'n'.repeat(200)),
    Buffer.from(Array.from({ length: 3000 }, (_, n) => (n * n * 31) % 251)),
  )
  return packed(at.path, at.source, {
    format,
    append: [{ name: '_archive/manifest.json', content: '{}', mode: 0o644 }],
  })
}

describe.each(fileFormats)('reading %s back', (format) => {
  test('finds what was packed', async () => {
    using at = ground()
    const { file, result } = await sample(at, format)
    const { entry_count, content_bytes, size_bytes, sha256 } = result
    expect(await readBack(file, result, format)).toEqual({
      entry_count,
      content_bytes,
      size_bytes,
      sha256,
      index: 'whole',
    })
    const without = await readBack(file, undefined, format)
    expect(without).toMatchObject({ entry_count: 4, content_bytes: 18_002, index: 'missing' })
    expect(execFileSync('sha256sum', [file], { encoding: 'utf8' })).toContain(without.sha256)
    if (format === 'tar.zst') execFileSync('zstd', ['-tq', file])
    if (format === 'tar.gz') execFileSync('gzip', ['-t', file], { stdio: 'pipe' })
  })

  test('finds any flipped byte', async () => {
    using at = ground()
    const { file, result } = await sample(at, format)
    const whole = readFileSync(file)
    let foundWithoutComparing = 0
    for (let n = 0; n < whole.length; n += Math.ceil(whole.length / 150)) {
      const damaged = Buffer.from(whole)
      damaged[n] = (damaged[n] ?? 0) ^ (1 << (n % 8))
      writeFileSync(file, damaged)
      await expect(readBack(file, result, format)).rejects.toMatchObject({ code: 'CORRUPT' })
      foundWithoutComparing += await readBack(file, undefined, format).then(
        () => 0,
        () => 1,
      )
    }
    // the form alone shows what matters to the content, not dates in gzip's heads, or what fills a block up, most of so small a file
    expect(foundWithoutComparing).toBeGreaterThan(0)
  })

  test('finds a file cut anywhere, with and without knowing what was written', async () => {
    using at = ground()
    const { file, result } = await sample(at, format)
    const whole = readFileSync(file)
    for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 60)) {
      writeFileSync(file, whole.subarray(0, length))
      await expect(readBack(file, result, format)).rejects.toMatchObject({ code: 'CORRUPT' })
      await expect(readBack(file, undefined, format)).rejects.toThrow(
        new RegExp(
          `^${file} is damaged: (it ends too early|the tar (ends within an entry|has no end-of-archive blocks))$`,
        ),
      )
    }
    writeFileSync(file, whole.subarray(0, -1))
    await expect(readBack(file, undefined, format)).rejects.toThrow(/it ends too early|ends within an entry/)
  })

  test.each([
    ['a letter', 'x'],
    ['a zero', '\0'],
    ['many zeros', '\0'.repeat(4097)],
    ['text', 'this does not belong here '.repeat(100)],
  ])('finds %s appended', async (_, more) => {
    using at = ground()
    const { file, result } = await sample(at, format)
    writeFileSync(file, more, { flag: 'a' })
    await expect(readBack(file, result, format)).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(readBack(file, undefined, format)).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  test('finds another good archive in its place', async () => {
    using at = ground()
    const { file, result } = await sample(at, format)
    writeFileSync(join(at.source, 'one-more'), '')
    const other = await packed(at.path, at.source, { format })
    writeFileSync(file, readFileSync(other.file))
    await expect(readBack(file, result, format)).rejects.toThrow(`${file} is damaged: `)
  })
})

describe('reading back', () => {
  test.each([
    ['has no end', (tar: Buffer) => tar.subarray(0, -1024), 'no end-of-archive blocks'],
    ['has half an end', (tar: Buffer) => tar.subarray(0, -512), 'no end-of-archive blocks'],
    ['ends within an entry', (tar: Buffer) => tar.subarray(0, -2048), 'ends within an entry'],
    ['ends within a block', (tar: Buffer) => tar.subarray(0, -1), 'ends within an entry'],
    ['goes on after its end', (tar: Buffer) => Buffer.concat([tar, Buffer.alloc(512, 'x')]), 'data after its end'],
    ['has a damaged header', (tar: Buffer) => Buffer.concat([Buffer.alloc(512, 'x'), tar]), 'checksum is wrong'],
  ])('finds a tar that %s inside a good zstd frame', async (_, damage, text) => {
    using at = ground()
    writeFileSync(join(at.source, 'file'), 'x'.repeat(1000))
    const { file } = await packed(at.path, at.source)
    const tar = execFileSync('zstd', ['-dc', file])
    writeFileSync(file, execFileSync('zstd', ['-c'], { input: damage(tar) }))
    await expect(readBack(file)).rejects.toThrow(text)
  })

  test('accepts what GNU tar and zstd wrote, in several frames', async () => {
    using at = ground()
    writeFileSync(join(at.source, 'big'), Buffer.alloc(3 * 1024 * 1024 + 1))
    const tar = execFileSync('tar', ['-c', '--format=posix', '-C', at.path, 'source'], { maxBuffer: 2 ** 26 })
    const frames = [tar.subarray(0, 1000), tar.subarray(1000)].map((input) => execFileSync('zstd', ['-c'], { input }))
    writeFileSync(join(at.path, 'file'), Buffer.concat(frames))
    expect(await readBack(join(at.path, 'file'))).toMatchObject({ entry_count: 2, content_bytes: 3 * 1024 * 1024 + 1 })
  })

  test('accepts what GNU tar and gzip wrote, in one member', async () => {
    using at = ground()
    writeFileSync(join(at.source, 'big'), Buffer.alloc(3 * 1024 * 1024 + 1))
    execFileSync('tar', ['-cz', '--format=posix', '-C', at.path, '-f', join(at.path, 'file'), 'source'])
    const read = await readBack(join(at.path, 'file'), undefined, 'tar.gz')
    expect(read).toMatchObject({ entry_count: 2, content_bytes: 3 * 1024 * 1024 + 1 })
  })

  test.each(archiveFormats)('says that a %s is not there', async (format) => {
    await expect(readBack('/nowhere/file', undefined, format)).rejects.toThrow(
      '/nowhere/file cannot be read back: it does not exist',
    )
  })
})

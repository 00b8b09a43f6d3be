import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { archiveFormats } from 'db/domain/archive'
import { openIndex } from './index-file.ts'
import { openPacking } from './pack.ts'
import type { TarFormat } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { packed, readBack, requestFor } from './testing/packing.ts'
import { emptyFile, ground } from './testing/tree.ts'

const fileFormats = ['tar.zst', 'tar.gz', 'tar'] as const

/** A backup made in two passes with changes between them: frames of all kinds, what is skipped between them, filling. */
async function sample(at: { path: string; source: string }, format: TarFormat): Promise<string> {
  mkdirSync(join(at.source, 'folder'))
  writeFileSync(join(at.source, 'text'), 'text '.repeat(3000))
  writeFileSync(join(at.source, 'changing'), randomBytes(randomInt(1, 9000)))
  writeFileSync(join(at.source, 'n'.repeat(200)), randomBytes(randomInt(1, 9000)))
  for (const name of ['large', 'grows'])
    writeFileSync(join(at.source, name), randomBytes(2 * 1024 * 1024 + randomInt(1, 9000)))
  const out = emptyFile(join(at.path, 'backup'))
  const append = [{ name: '_archive/manifest.json', content: '{}', mode: 0o644 }]
  const request = requestFor(at.source, { format, out, append })
  await using packing = openPacking(request, new Remarks(() => {}), new Pulse(() => {}), new Date())
  await packing.readAhead()
  writeFileSync(join(at.source, 'changing'), randomBytes(9000))
  writeFileSync(join(at.source, 'grows'), 'x', { flag: 'a' })
  const finish = await packing.read()
  await finish()
  return out
}

/** Where frames begin and end, in the order of the file. */
function bordersOf(file: string): number[] {
  const index = openIndex(`${file}.index`)
  const frames = [...index.groups()].flatMap((group) => group.frames)
  index.close()
  return [...new Set(frames.flatMap(({ offset, length }) => [offset, offset + length]))].sort((a, b) => a - b)
}

/** While it works, one bit of the file is another. */
async function whileFlipped<T>(file: string, at: number, work: () => Promise<T>): Promise<T> {
  const fd = openSync(file, 'r+')
  try {
    const byte = Buffer.alloc(1)
    readSync(fd, byte, 0, 1, at)
    writeSync(fd, Buffer.of((byte[0] ?? 0) ^ (1 << randomInt(8))), 0, 1, at)
    try {
      return await work()
    } finally {
      writeSync(fd, byte, 0, 1, at)
    }
  } finally {
    closeSync(fd)
  }
}

/** In memory where there is such a folder: each look at a backup flushes it. */
const inMemory = existsSync('/dev/shm') ? '/dev/shm' : undefined

describe.each(fileFormats)('reading %s back', (format) => {
  test('finds what was packed, as do the tools of the system', async () => {
    using at = ground(inMemory)
    const file = await sample(at, format)
    const read = await readBack(file, format)
    expect(read).toMatchObject({ entry_count: 8, index: 'whole' })
    const bytes = readFileSync(file)
    if (format === 'tar.zst') execFileSync('zstd', ['-tq', file])
    if (format === 'tar.gz') execFileSync('gzip', ['-t', file], { stdio: 'pipe' })
    // Node's own zstd ends with the first frame, whatever follows
    const tar =
      format === 'tar.zst'
        ? execFileSync('zstd', ['-dc', file], { maxBuffer: 2 ** 26 })
        : format === 'tar.gz'
          ? gunzipSync(bytes)
          : bytes
    expect(execFileSync('tar', ['-t', '-f', '-'], { input: tar, encoding: 'utf8' }).split('\n')).toHaveLength(9)
    unlinkSync(`${file}.index`)
    const { sha256: _, ...same } = read
    const again = await readBack(file, format)
    expect(again).toMatchObject({ ...same, index: 'missing' })
    expect(execFileSync('sha256sum', [file], { encoding: 'utf8' })).toContain(again.sha256)
  })

  test('finds any flipped byte: in frames, between and behind them, in filling and in the index', async () => {
    using at = ground(inMemory)
    const file = await sample(at, format)
    const size = statSync(file).size
    const borders = bordersOf(file)
    const places = borders.flatMap((border) => [border - 1, border, border + 1]).filter((at) => at >= 0 && at < size)
    while (places.length < 240) places.push(randomInt(size))
    const missed: string[] = []
    for (const place of places)
      await whileFlipped(file, place, () =>
        readBack(file, format).then(
          () => missed.push(`at ${place}`),
          (error: unknown) => expect(error).toMatchObject({ code: 'CORRUPT' }),
        ),
      )
    const index = `${file}.index`
    for (let n = 0; n < 100; n++) {
      const place = randomInt(statSync(index).size)
      await whileFlipped(index, place, async () => {
        if ((await readBack(file, format)).index !== 'damaged') missed.push(`at ${place} of the index`)
      })
    }
    expect(missed).toEqual([])
    expect(await readBack(file, format)).toMatchObject({ index: 'whole' })
  })

  test('finds it cut at any border of frames, with an index and without', async () => {
    using at = ground(inMemory)
    const file = await sample(at, format)
    const whole = readFileSync(file)
    const borders = bordersOf(file)
    for (const border of borders.filter((border) => border < whole.length)) {
      writeFileSync(file, whole.subarray(0, border))
      await expect(readBack(file, format), `at ${border}`).rejects.toMatchObject({ code: 'CORRUPT' })
    }
    unlinkSync(`${file}.index`)
    // behind the last frame stands but the table of frames
    for (const border of borders.slice(0, -1)) {
      writeFileSync(file, whole.subarray(0, border))
      await expect(readBack(file, format), `at ${border}`).rejects.toThrow(
        /is damaged: (it ends too early|the tar (ends within an entry|has no end-of-archive blocks))$/,
      )
    }
  })

  test.each([
    ['a letter', 'x'],
    ['a zero', '\0'],
    ['many zeros', '\0'.repeat(4097)],
    ['text', 'this does not belong here '.repeat(100)],
  ])('finds %s appended', async (_, more) => {
    using at = ground(inMemory)
    const file = await sample(at, format)
    writeFileSync(file, more, { flag: 'a' })
    await expect(readBack(file, format)).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  test('finds another good backup in its place', async () => {
    using at = ground(inMemory)
    const file = await sample(at, format)
    writeFileSync(join(at.source, 'one-more'), '')
    const other = await packed(at.path, at.source, { format })
    writeFileSync(file, readFileSync(other.file))
    await expect(readBack(file, format)).rejects.toThrow(`${file} is damaged: `)
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
    unlinkSync(`${file}.index`)
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
    const read = await readBack(join(at.path, 'file'), 'tar.gz')
    expect(read).toMatchObject({ entry_count: 2, content_bytes: 3 * 1024 * 1024 + 1 })
  })

  test.each(archiveFormats)('says that a %s is not there', async (format) => {
    await expect(readBack('/nowhere/file', format)).rejects.toThrow(
      '/nowhere/file cannot be read back: it does not exist',
    )
  })
})

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Frame } from './index-file.ts'
import { IndexWriter } from './index-writer.ts'
import type { TarFormat } from './protocol.ts'
import { paxRecord, typeflags } from './header.ts'
import { packed } from './testing/packing.ts'
import { entry, folder, hardLink, symlink, writeTar } from './testing/small-tar.ts'
import { contentOf, ground, isRoot } from './testing/tree.ts'
import { unpacked } from './testing/ways-out.ts'

const MiB = 1024 * 1024

/** Unpacks into a folder beside one that must stay as it is; both ways, by reading and by an index. */
async function unpackBeside(
  entries: (outside: string) => Buffer[],
  prepare: (to: string, outside: string) => void = () => {},
  overwrite = false,
) {
  const results: { told: string[]; there: string[] }[] = []
  for (const way of ['by reading', 'by an index'] as const) {
    using at = ground()
    const outside = join(at.path, 'outside')
    const to = join(at.path, 'to')
    for (const path of [outside, to]) mkdirSync(path)
    writeFileSync(join(outside, 'file'), 'untouched')
    prepare(to, outside)
    const before = contentOf(outside)
    const file = writeTar(join(at.path, 'hostile.tar'), ...entries(outside), entry({ name: 'good', content: 'good' }))
    if (way === 'by an index') writeIndex(file)
    const { faults, index } = await unpacked(file, to, { format: 'tar', overwrite })
    expect(index).toBe(way === 'by an index' ? 'whole' : 'missing')
    expect(contentOf(outside)).toEqual(before)
    expect(readdirSync(at.path).sort()).toEqual(
      ['hostile.tar', ...(way === 'by an index' ? ['hostile.tar.index'] : []), 'outside', 'source', 'to'].sort(),
    )
    expect(readFileSync(join(to, 'good'), 'utf8')).toBe('good')
    const there = execFileSync('find', ['.', '-mindepth', '1'], { cwd: to, encoding: 'utf8' }).split('\n').slice(0, -1)
    results.push({ told: faults.map(({ name, text }) => `${name.replace(at.path, '')}: ${text}`), there: there.sort() })
  }
  expect(results[1]).toEqual(results[0])
  return results[0] ?? { told: [], there: [] }
}

/** One frame of all of it. */
function writeIndex(file: string, change: (frame: Frame) => Frame = (frame) => frame, format: TarFormat = 'tar'): void {
  const bytes = readFileSync(file)
  const hash = createHash('sha256').update(bytes).digest('base64url')
  const frame = change({ offset: 0, length: bytes.length, raw: bytes.length, hash, read: 0 })
  const index = IndexWriter.at(`${file}.index`, 0o600)
  index.group({ of: 'files', frames: [frame], lines: ['["f","good",420,0,0,"0","0",0,4]'], taken: false })
  const now = new Date(0).toISOString()
  index.finish({
    format,
    level: 3,
    archive_bytes: bytes.length,
    made_at: now,
    full_read_at: now,
    last: frame,
    key: '',
  })
  index.close()
}

const leadsOut = 'its name leads out of the folder that is unpacked into'

describe('unpacking keeps within its folder, tells what does not, and goes on, given', () => {
  test('absolute names and names that climb', async () => {
    const { told, there } = await unpackBeside((outside) => [
      entry({ name: `${outside}/file`, content: 'evil' }),
      entry({ name: '../outside/file', content: 'evil' }),
      entry({ name: 'a/../../outside/new', content: 'evil' }),
      folder('../outside/folder'),
      symlink('../outside/link', 'x'),
      entry({ name: '..', content: 'evil' }),
      entry({ name: './fine/./file', content: 'x' }),
    ])
    expect(told).toEqual([
      `/outside/file: ${leadsOut}`,
      `../outside/file: ${leadsOut}`,
      `a/../../outside/new: ${leadsOut}`,
      `../outside/folder/: ${leadsOut}`,
      `../outside/link: ${leadsOut}`,
      `..: ${leadsOut}`,
    ])
    expect(there).toEqual(['./fine', './fine/file', './good'])
  })

  test('a symbolic link, then files through it', async () => {
    const { told, there } = await unpackBeside((outside) => [
      symlink('link', outside),
      entry({ name: 'link/file', content: 'evil' }),
      folder('link/folder'),
      symlink('up', '..'),
      entry({ name: 'up/outside/file', content: 'evil' }),
      symlink('file-link', join(outside, 'file')),
      entry({ name: 'file-link', content: 'evil' }),
      symlink('link', join(outside, 'file')),
    ])
    const inTheWay = (at: string) => `a symbolic link, which is not followed, stands in its way at ${at}`
    expect(told).toEqual([
      `link/file: ${inTheWay('link')}`,
      `link/folder/: ${inTheWay('link')}`,
      `up/outside/file: ${inTheWay('up')}`,
      'file-link: something is there already',
      'link: something is there already',
    ])
    expect(there).toEqual(['./file-link', './good', './link', './up'])
  })

  test.each([false, true])('links that lay there before (overwrite: %s)', async (overwrite) => {
    const { told } = await unpackBeside(
      () => [
        entry({ name: 'planted/file', content: 'evil' }),
        entry({ name: 'planted-file', content: 'evil', mode: 0o777 }),
        entry({ name: 'planted/', typeflag: typeflags.directory, mode: 0o777 }),
        hardLink('hard', 'planted/file'),
      ],
      (to, outside) => {
        symlinkSync(outside, join(to, 'planted'))
        symlinkSync(join(outside, 'file'), join(to, 'planted-file'))
      },
      overwrite,
    )
    const inTheWay = 'a symbolic link, which is not followed, stands in its way at planted'
    expect(told).toEqual(
      overwrite
        ? [`planted/file: ${inTheWay}`, 'hard: it does not exist']
        : [
            `planted/file: ${inTheWay}`,
            'planted-file: something is there already',
            'planted/: something that is no folder is there already',
            `hard: ${inTheWay}`,
          ],
    )
  })

  test('hard links to what lies outside', async () => {
    const { told, there } = await unpackBeside((outside) => [
      hardLink('absolute', join(outside, 'file')),
      hardLink('climbs', '../outside/file'),
      symlink('link', outside),
      hardLink('through', 'link/file'),
      hardLink('to-link', 'link'),
      entry({ name: 'to-link', content: 'evil' }),
    ])
    const out = 'it is a link to what lies outside of the folder that is unpacked into'
    expect(told).toEqual([
      `absolute: ${out}`,
      `climbs: ${out}`,
      'through: a symbolic link, which is not followed, stands in its way at link',
      'to-link: something is there already',
    ])
    expect(there).toEqual(['./good', './link', './to-link'])
  })

  test('folders, FIFOs and devices in the place of others', async () => {
    const { told } = await unpackBeside((outside) => [
      symlink('a', outside),
      entry({ name: 'a/', typeflag: typeflags.directory, mode: 0o777 }),
      entry({ name: 'a', typeflag: typeflags.fifo }),
      entry({ name: 'b', content: 'x' }),
      entry({ name: 'b/c', content: 'x' }),
    ])
    expect(told).toEqual([
      'a/: something that is no folder is there already',
      'a: something is there already',
      'b/c: something that is no folder stands in its way at b',
    ])
  })
})

describe('what is there already', () => {
  test('stays, and is replaced when that is asked for', async () => {
    using at = ground()
    const file = writeTar(
      join(at.path, 'a.tar'),
      entry({ name: 'one', content: 'new' }),
      entry({ name: 'two', content: 'new' }),
    )
    const to = join(at.path, 'to')
    mkdirSync(to)
    writeFileSync(join(to, 'one'), 'old')
    const first = await unpacked(file, to, { format: 'tar' })
    expect(first).toMatchObject({ files: 1, faults: [{ name: 'one', text: 'something is there already' }] })
    expect(readFileSync(join(to, 'one'), 'utf8')).toBe('old')
    expect(await unpacked(file, to, { format: 'tar', overwrite: true })).toMatchObject({ files: 2, faults: [] })
    expect(readFileSync(join(to, 'one'), 'utf8')).toBe('new')
  })
})

describe('sizes that lie', () => {
  test('a file that is longer than the backup is not left half made', async () => {
    using at = ground()
    const file = writeTar(
      join(at.path, 'a.tar'),
      entry({ name: 'a', content: 'x' }),
      entry({ name: 'b', size: 2 ** 50 }),
    )
    const { damage, files } = await unpacked(file, join(at.path, 'to'), { format: 'tar' })
    expect(damage).toBe(`${file} is damaged: the tar ends within an entry`)
    expect(files).toBe(1)
    expect(readdirSync(join(at.path, 'to'))).toEqual(['a'])
  })

  test('holes without end, maps that do not fit', async () => {
    using at = ground()
    const sparse = (map: string, size: number) => ({
      content: Buffer.concat([Buffer.from(map), Buffer.alloc(512 - map.length), Buffer.alloc(512, 'd')]),
      sparseSize: size,
    })
    const file = writeTar(
      join(at.path, 'a.tar'),
      entry({ name: 'too-large', ...sparse('1\n0\n512\n', 2 ** 53 - 1) }),
      entry({ name: 'beyond', ...sparse('1\n1000\n512\n', 1000) }),
      entry({ name: 'overlapping', ...sparse('2\n0\n256\n100\n256\n', 1000) }),
      entry({ name: 'less', ...sparse('1\n0\n100\n', 1000) }),
      entry({ name: 'no-number', ...sparse('x\n', 1000) }),
      entry({ name: 'many', ...sparse('999999999\n', 1000) }),
      entry({ name: 'good', ...sparse('1\n488\n512\n', 1000) }),
    )
    const { faults } = await unpacked(file, join(at.path, 'to'), { format: 'tar' })
    expect(faults.map(({ name }) => name)).toEqual(['too-large', 'beyond', 'overlapping', 'less', 'no-number', 'many'])
    expect(readdirSync(join(at.path, 'to'))).toEqual(['good'])
    expect(statSync(join(at.path, 'to/good')).size).toBe(1000)
  })

  test('heads without end', async () => {
    using at = ground()
    const pax = entry({ name: 'pax', typeflag: 'x' as '0', size: 2 ** 40 })
    const { damage } = await unpacked(writeTar(join(at.path, 'a.tar'), pax), join(at.path, 'to'), { format: 'tar' })
    expect(damage).toContain('a pax header that is too long')
  })
})

describe('memory stays bounded', () => {
  const bomb = () => zstdCompressSync(Buffer.alloc(64 * MiB))

  test('whatever frames unpack to and the index tells', async () => {
    using at = ground()
    writeFileSync(join(at.source, 'file'), 'x'.repeat(1000))
    const { file } = await packed(at.path, at.source, { format: 'tar' })
    for (const change of [
      (frame: Frame) => ({ ...frame, raw: 2 ** 40 }),
      (frame: Frame) => ({ ...frame, length: 2 ** 40 }),
      (frame: Frame) => ({ ...frame, raw: -1 }),
      (frame: Frame) => ({ ...frame, offset: -1 }),
      (frame: Frame) => ({ ...frame, raw: 10 }),
      (frame: Frame) => ({ ...frame, hash: '' }),
    ]) {
      writeIndex(file, change)
      const to = join(at.path, String(Math.random()))
      expect(await unpacked(file, to, { format: 'tar' })).toMatchObject({ entries: 0, faults: [{ name: 'good' }] })
      expect(readdirSync(to)).toEqual([])
    }
  })

  test('a bomb in place of a frame is not unpacked', async () => {
    using at = ground()
    const file = join(at.path, 'bomb.tar.zst')
    writeFileSync(file, bomb())
    writeIndex(file, (frame) => ({ ...frame, raw: 1024 }), 'tar.zst')
    const before = process.memoryUsage().rss
    expect(await unpacked(file, join(at.path, 'to'))).toMatchObject({ entries: 0, faults: [{ name: 'good' }] })
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * MiB)
  })
})

describe.skipIf(!isRoot)('as another user', () => {
  test('what only root can is told once, and programs lose the right to run as their owner', async () => {
    using at = ground()
    execFileSync('chmod', ['755', at.path])
    const file = writeTar(
      join(at.path, 'a.tar'),
      entry({ name: 'd/', typeflag: typeflags.directory, mode: 0o555 }),
      entry({ name: 'd/setuid', content: 'x', mode: 0o4755 }),
      entry({ name: 'null', typeflag: typeflags.characterDevice, major: 1, minor: 3 }),
      entry({ name: 'attribute', records: paxRecord('SCHILY.xattr.trusted.x', 'y') }),
    )
    mkdirSync(join(at.path, 'to'))
    execFileSync('chmod', ['777', join(at.path, 'to')])
    const cli = new URL('../cli.ts', import.meta.url).pathname
    const done = execFileSync(
      'sh',
      ['-c', `"$0" "$1" unpack --json "$2" "$3" || echo "exit $?"`, process.execPath, cli, file, join(at.path, 'to')],
      { uid: 65534, gid: 65534, encoding: 'utf8', env: { ...process.env, XDG_CACHE_HOME: join(at.path, 'to/.cache') } },
    )
    const lines = done.trim().split('\n')
    expect(lines).toHaveLength(5)
    expect(lines.at(-1)).toBe('exit 1')
    expect(lines[0]).toContain('"path":"null","text":"is not unpacked: the system does not permit it"')
    expect(lines.slice(1, 3).join()).toMatch(/the owner of 3 entries could not be kept.*trusted.x of 1 entry/)
    expect(lstatSync(join(at.path, 'to/d/setuid')).mode & 0o7777).toBe(0o755)
    expect(lstatSync(join(at.path, 'to/d')).mode & 0o7777).toBe(0o555)
    expect(existsSync(join(at.path, 'to/null'))).toBe(false)
  })
})

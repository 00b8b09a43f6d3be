import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { archiveFormats } from 'db/domain/archive'
import { CHUNK } from './frame.ts'
import { dataExtents, setAttribute } from './system-calls.ts'
import { packed, readBack } from './testing/packing.ts'
import { contentOf, ground, isRoot } from './testing/tree.ts'
import { newFolder, waysOut } from './testing/ways-out.ts'

const MiB = 1024 * 1024

function named(folder: string, ...names: (string | Buffer)[]): Buffer<ArrayBuffer> {
  return Buffer.concat([Buffer.from(folder), ...names.flatMap((name) => [Buffer.from('/'), Buffer.from(name)])])
}

/** To the nanosecond, which Node's utimes cannot. */
function touch(path: string, date: string): void {
  execFileSync('touch', ['-h', '-d', date, '--', path])
}

describe.each(archiveFormats)('what %s holds comes out as it went in:', (format) => {
  async function comesOutAsItWentIn(folder: string, source: string, ways = waysOut(format)): Promise<void> {
    const { file, remarks, result } = await packed(folder, source, { format })
    expect(remarks).toEqual([])
    const { sha256, entry_count, content_bytes } = result
    expect(await readBack(file, format)).toMatchObject({ sha256, entry_count, content_bytes })
    const wanted = contentOf(source)
    for (const [way, restore] of ways) {
      const to = newFolder(folder)
      await restore(file, to)
      expect(contentOf(join(to, 'stack')), way).toEqual(wanted)
    }
  }

  test('names of any bytes and length', async () => {
    using at = ground()
    const names = [
      '-dash',
      '--checkpoint-action=exec=false',
      'new\nline',
      'tab\t"quotes" \'single\' $HOME `x` \\ back',
      'ü',
      'é'.repeat(120),
      'x'.repeat(99),
      'x'.repeat(100),
      'x'.repeat(255),
      ' ',
      Buffer.from('latin\xfc', 'latin1'),
      Buffer.alloc(255, 0xff),
      Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1).filter((byte) => byte !== 0x2f)),
    ]
    for (let length = 1; length <= 255; length++) names.push('n'.repeat(length - 1) + 'N')
    for (const name of names) writeFileSync(named(at.source, name), name)
    for (let length = 85; length <= 100; length++) {
      mkdirSync(join(at.source, 'd'.repeat(length)))
      writeFileSync(join(at.source, 'd'.repeat(length), 'file'), 'within')
    }
    await comesOutAsItWentIn(at.path, at.source)
  })

  test('a path of 4,000 bytes', async () => {
    using at = ground()
    let folder: Buffer = Buffer.from(at.source)
    while (folder.length < at.source.length + 3800) {
      folder = named(folder.toString('latin1'), 'ab'.repeat(20))
      mkdirSync(folder)
    }
    const last = named(folder.toString('latin1'), 'z'.repeat(at.source.length + 4000 - folder.length))
    writeFileSync(last, 'deep')
    symlinkSync('t'.repeat(4000), named(folder.toString('latin1'), 'link'))
    linkSync(last, join(at.source, 'zz'))
    expect(last.length - at.source.length).toBe(4001)
    await comesOutAsItWentIn(at.path, at.source)
  })

  test('times to the nanosecond, also long ago and far ahead', async () => {
    using at = ground()
    mkdirSync(join(at.source, 'folder'))
    writeFileSync(join(at.source, 'folder/file'), 'x')
    symlinkSync('file', join(at.source, 'folder/link'))
    writeFileSync(join(at.source, 'before-1970'), 'x')
    writeFileSync(join(at.source, 'just-before-1970'), 'x')
    writeFileSync(join(at.source, 'whole'), 'x')
    writeFileSync(join(at.source, 'later'), 'x')
    touch(join(at.source, 'folder/file'), '2024-02-29 12:34:56.123456789')
    touch(join(at.source, 'folder/link'), '2001-01-01 00:00:00.000000001')
    touch(join(at.source, 'before-1970'), '1969-12-31 23:59:58.250 UTC')
    touch(join(at.source, 'just-before-1970'), '1969-12-31 23:59:59.750 UTC')
    touch(join(at.source, 'whole'), '2024-02-29 12:34:56')
    touch(join(at.source, 'later'), '2300-01-01 00:00:00.5')
    touch(join(at.source, 'folder'), '1999-12-31 23:59:59.999999999')
    touch(at.source, '1998-01-01 01:01:01.000000100')
    // to bsdtar the fraction of a time before 1970 is one after the second
    const ways = waysOut(format).filter(([way]) => way !== 'bsdtar')
    await comesOutAsItWentIn(at.path, at.source, ways)
  })

  test('all modes, empty files, links, FIFOs', async () => {
    using at = ground()
    for (const mode of [0o000, 0o400, 0o644, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o6711, 0o7777]) {
      const name = mode.toString(8)
      writeFileSync(join(at.source, name), name)
      mkdirSync(join(at.source, `folder-${name}`))
      chmodSync(join(at.source, name), mode)
      // a folder that nobody may enter is readable to root alone
      chmodSync(join(at.source, `folder-${name}`), isRoot ? mode : mode | 0o700)
    }
    if (!isRoot) unlinkSync(join(at.source, '0'))
    writeFileSync(join(at.source, 'empty'), '')
    for (const size of [1, 511, 512, 513]) writeFileSync(join(at.source, `size-${size}`), Buffer.alloc(size, size))
    for (let frames = 1; frames <= 3; frames++)
      for (const size of [frames * CHUNK - 1, frames * CHUNK, frames * CHUNK + 1])
        writeFileSync(join(at.source, `size-${size}`), Buffer.alloc(size, `${size} `))
    symlinkSync('nowhere', join(at.source, 'dangling'))
    symlinkSync('/etc', join(at.source, 'outside'))
    symlinkSync(Buffer.alloc(300, 0xfe), named(at.source, 'bytes'))
    linkSync(join(at.source, 'empty'), join(at.source, 'folder-755/second'))
    linkSync(join(at.source, 'empty'), join(at.source, 'zz-third'))
    execFileSync('mkfifo', ['-m', '0620', join(at.source, 'fifo')])
    lutimesSync(join(at.source, 'dangling'), 5, 6)
    await comesOutAsItWentIn(at.path, at.source)
  })

  test.skipIf(!isRoot)('owners of any number, devices', async () => {
    using at = ground()
    for (const [uid, gid] of [
      [0, 0],
      [1000, 65534],
      [2_097_151, 2_097_152],
      [3_000_000_000, 4_000_000_000],
    ] as const) {
      writeFileSync(join(at.source, `of-${uid}`), 'x')
      chownSync(join(at.source, `of-${uid}`), uid, gid)
    }
    chownSync(at.source, 7, 8)
    for (const [name, ...numbers] of [
      ['null', 'c', '1', '3'],
      ['disk', 'b', '8', '17'],
      ['large', 'b', '4095', '1048575'],
    ] as const) {
      execFileSync('mknod', [join(at.source, name), ...numbers])
    }
    await comesOutAsItWentIn(at.path, at.source)
  })

  test('hard links across groups and folders, of large files and of what is no file', async () => {
    using at = ground()
    mkdirSync(join(at.source, 'a'))
    mkdirSync(join(at.source, 'z'))
    writeFileSync(join(at.source, 'a/large'), Buffer.alloc(2 * CHUNK + 5, 'large '))
    writeFileSync(join(at.source, 'a/small'), 'small')
    symlinkSync('small', join(at.source, 'a/symlink'))
    execFileSync('mkfifo', [join(at.source, 'a/fifo')])
    for (let n = 0; n < 20; n++) {
      writeFileSync(join(at.source, `between-${n}`), Buffer.alloc(100_000, n))
      for (const name of ['large', 'small', 'symlink', 'fifo'])
        linkSync(join(at.source, 'a', name), join(at.source, 'z', `${name}-${n}`))
    }
    await comesOutAsItWentIn(at.path, at.source)
  })

  test('many small files', async () => {
    using at = ground()
    for (let folder = 0; folder < 20; folder++) {
      mkdirSync(join(at.source, String(folder)))
      for (let n = 0; n < 25; n++) writeFileSync(join(at.source, String(folder), String(n)), `${folder}/${n}`)
    }
    await comesOutAsItWentIn(at.path, at.source)
  })

  test.skipIf(!isRoot)('extended attributes and ACLs', async () => {
    using at = ground()
    mkdirSync(join(at.source, 'folder'))
    writeFileSync(join(at.source, 'folder/file'), 'x')
    writeFileSync(join(at.source, 'large'), Buffer.alloc(2 * CHUNK))
    execFileSync('setfacl', [
      '-m',
      'u:1000:r,g:1001:rw,m::rw',
      join(at.source, 'folder/file'),
      join(at.source, 'large'),
    ])
    mkdirSync(join(at.source, 'giving-on'))
    execFileSync('setfacl', ['-m', 'u:7:rx', '-d', '-m', 'u:65534:rwx', join(at.source, 'giving-on')])
    for (const name of ['folder', 'folder/file', 'large']) {
      const fd = openSync(join(at.source, name), 'r')
      setAttribute(fd, 'user.text', Buffer.from('täxt\nwith = and\0bytes \xff', 'latin1'))
      setAttribute(fd, 'trusted.of.root', Buffer.alloc(300, 0xfe))
      closeSync(fd)
    }
    await comesOutAsItWentIn(at.path, at.source)
    // bsdtar gives it to no folder that it has made for what is in it
    execFileSync('setfacl', ['-d', '-m', 'u:65534:rwx', join(at.source, 'folder')])
    const ways = waysOut(format).filter(([way]) => way !== 'bsdtar')
    await comesOutAsItWentIn(at.path, at.source, ways)
  })

  test('a file of 10 GiB with little in it, at the cost of that', async () => {
    using at = ground()
    // holes of folder backups are read
    const GiB = format === 'folder' ? 8 * MiB : 1024 * MiB
    const block = format === 'folder' ? 64 * 1024 : 1
    const source = join(at.source, 'holes')
    const fd = openSync(source, 'w')
    for (const place of [64 * 1024, 5 * GiB, 7 * GiB])
      writeSync(fd, Buffer.alloc(block, `at ${place}`), 0, block, place)
    writeSync(fd, Buffer.alloc(2 * CHUNK, 'x'), 0, 2 * CHUNK, 6 * GiB)
    ftruncateSync(fd, 10 * GiB)
    closeSync(fd)
    writeFileSync(join(at.source, 'only-a-hole'), '')
    truncateSync(join(at.source, 'only-a-hole'), 10 * GiB)
    const { file, result } = await packed(at.path, at.source, { format })
    if (format !== 'folder') expect(result.size_bytes).toBeLessThan(10 * MiB)
    const wanted = dataIn(source)
    for (const [way, restore] of waysOut(format)) {
      const to = newFolder(at.path)
      await restore(file, to)
      expect(dataIn(join(to, 'stack/holes')), way).toEqual(wanted)
      expect(statSync(join(to, 'stack/only-a-hole')), way).toMatchObject({ size: 10 * GiB, blocks: 0 })
    }
  })

  test('random trees', async () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 255 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x2d : byte))))
      .filter((bytes) => !['.', '..'].includes(bytes.toString()))
    const entry = fc.record({
      name,
      kind: fc.constantFrom('file', 'folder', 'symlink', 'hard link'),
      size: fc.integer({ min: 0, max: 3000 }),
      mode: fc.integer({ min: 0, max: 0o7777 }),
      mtime: fc.integer({ min: -(2 ** 31), max: 2 ** 33 }),
      /** Which of the folders made so far it goes into. */
      within: fc.nat(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 25 }), async (entries) => {
        using at = ground()
        const folders = [Buffer.from(at.source)]
        const files: Buffer[] = []
        for (const { name, kind, size, mode, mtime, within } of entries) {
          const parent = folders[within % folders.length]
          if (!parent || parent.length + name.length > 3500) continue
          const path = Buffer.concat([parent, Buffer.from('/'), name])
          if (statSync(path, { throwIfNoEntry: false })) continue
          const target = files[size % files.length]
          if (kind === 'folder') folders.push((mkdirSync(path), path))
          else if (kind === 'hard link' && target) linkSync(target, path)
          else if (kind === 'symlink') symlinkSync(name, path)
          else files.push((writeFileSync(path, Buffer.alloc(size, name)), path))
          if (kind === 'symlink') continue
          chmodSync(path, isRoot ? mode : mode | 0o700)
          utimesSync(path, mtime, mtime)
        }
        await comesOutAsItWentIn(at.path, at.source)
      }),
      { numRuns: 5 },
    )
  })
})

/** Of a file that is mostly holes: what is in it where. */
function dataIn(path: string): unknown {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const parts = dataExtents(fd, size).map(({ offset, length }) => {
      const part = Buffer.alloc(length)
      readSync(fd, part, 0, length, offset)
      return [offset, length, createHash('sha256').update(part).digest('hex')]
    })
    return { size, parts }
  } finally {
    closeSync(fd)
  }
}

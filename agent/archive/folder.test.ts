import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  ftruncateSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { packFolder } from './pack-folder.ts'
import { EngineError, type PackRequest, type PackResult } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { packed } from './testing/packing.ts'
import { contentOf, emptyFile, extract, ground, isRoot, namesIn } from './testing/tree.ts'
import { verify } from './verify.ts'

const quiet = new Pulse(() => {})

async function readBack(folder: string, packed?: PackResult) {
  const read = await verify({ op: 'verify', file: folder, format: 'folder', frames: 'all' }, quiet)
  // as the agent compares
  if (packed && read.sha256 !== packed.sha256) throw new EngineError('CORRUPT', `${folder} is damaged`)
  return read
}

function unpacked(folder: string, out: string) {
  return packFolder({ op: 'packFolder', folder, out, level: 1 }, new Remarks(() => {}), quiet)
}

/** A stack's directory and two volumes, with a little of everything. */
function fill(at: { path: string; source: string }): Pick<PackRequest, 'sources' | 'append' | 'format'> {
  mkdirSync(join(at.source, 'data'))
  writeFileSync(join(at.source, 'compose.yaml'), 'services: {}')
  writeFileSync(join(at.source, 'data/file'), 'content')
  writeFileSync(join(at.source, 'data/run.sh'), '#!/bin/sh', { mode: 0o755 })
  linkSync(join(at.source, 'data/file'), join(at.source, 'second'))
  symlinkSync('data/file', join(at.source, 'link'))
  execFileSync('mkfifo', [join(at.source, 'fifo')])
  writeFileSync(Buffer.concat([Buffer.from(at.source), Buffer.from('/latin\xfc', 'latin1')]), 'bytes')
  for (const name of ['a', 'b']) {
    mkdirSync(join(at.path, name))
    writeFileSync(join(at.path, name, 'file'), name)
  }
  linkSync(join(at.source, 'compose.yaml'), join(at.path, 'b/linked'))
  return {
    format: 'folder',
    sources: [
      { path: at.source, prefix: 'stack', optional: false },
      { path: join(at.path, 'a'), prefix: '_volumes/shop_a', optional: false },
      { path: join(at.path, 'b'), prefix: '_volumes/shop_b', optional: false },
    ],
    append: [{ name: '_archive/manifest.json', content: '{}', mode: 0o600 }],
  }
}

describe('a folder backup', () => {
  let at: ReturnType<typeof ground>
  let backup: string
  let result: PackResult
  let request: ReturnType<typeof fill>
  beforeEach(async () => {
    at = ground()
    request = fill(at)
    const made = await packed(at.path, at.source, request)
    backup = made.file
    result = made.result
    return () => at[Symbol.dispose]()
  })

  test('holds the stack, its volumes and the manifest, and has a size and a hash', async () => {
    expect(readdirSync(backup).sort()).toEqual(['_archive', '_volumes', 'stack'])
    expect(contentOf(join(backup, 'stack'))).toEqual(contentOf(at.source))
    expect(contentOf(join(backup, '_volumes/shop_a'))).toEqual(contentOf(join(at.path, 'a')))
    expect(statSync(join(backup, '_volumes/shop_b/linked')).ino).toBe(statSync(join(backup, 'stack/compose.yaml')).ino)
    expect(readFileSync(join(backup, '_archive/manifest.json'), 'utf8')).toBe('{}')
    expect(statSync(join(backup, '_archive/manifest.json')).mode & 0o777).toBe(0o600)
    expect(result).toMatchObject({
      files: 8,
      directories: 4,
      others: 2,
      bytes_read: 35,
      entry_count: 15,
      size_bytes: 37,
    })
    const { sha256, size_bytes } = result
    expect(await readBack(backup, result)).toMatchObject({ sha256, size_bytes, entry_count: 15, index: null })
    expect(await readBack(backup)).toMatchObject({ sha256, index: null })
  })

  test('has the same hash under another name and mode of its own, and after it was copied', async () => {
    renameSync(backup, join(at.path, 'renamed'))
    chmodSync(join(at.path, 'renamed'), 0o755)
    execFileSync('cp', ['-a', join(at.path, 'renamed'), join(at.path, 'copied')])
    for (const name of ['renamed', 'copied'])
      expect(await readBack(join(at.path, name))).toMatchObject({ sha256: result.sha256 })
  })

  /** Times are put back, so that nothing but the change itself can show. */
  function keepingTimes(edit: () => void, ...folders: string[]): () => void {
    return () => {
      const times = folders.map((folder) =>
        execFileSync('stat', ['-c', '%y', join(backup, folder)])
          .toString()
          .trim(),
      )
      edit()
      folders.forEach((folder, n) => execFileSync('touch', ['-hd', times[n] ?? '', join(backup, folder)]))
    }
  }
  const inBackup = (path: string) => join(backup, path)

  test.each<[string, () => void, string[]]>([
    ['a changed byte', () => writeFileSync(inBackup('stack/data/file'), 'Content'), ['stack/data/file']],
    ['a file cut short', () => writeFileSync(inBackup('stack/data/file'), ''), ['stack/data/file']],
    ['a missing file', () => unlinkSync(inBackup('stack/data/run.sh')), ['stack/data']],
    ['a missing link', () => unlinkSync(inBackup('stack/link')), ['stack']],
    ['an additional file', () => writeFileSync(inBackup('stack/data/new'), ''), ['stack/data']],
    ['an additional file at the top', () => writeFileSync(inBackup('new'), ''), []],
    ['an additional volume', () => mkdirSync(inBackup('_volumes/new')), ['_volumes']],
    ['a renamed file', () => renameSync(inBackup('stack/data/file'), inBackup('stack/data/film')), ['stack/data']],
    ['a changed mode', () => chmodSync(inBackup('stack/data/run.sh'), 0o754), []],
    ['a changed mode of a folder', () => chmodSync(inBackup('stack/data'), 0o700), []],
    ['a changed mode of the folder of volumes', () => chmodSync(inBackup('_volumes'), 0o700), []],
    ['a changed time', () => utimesSync(inBackup('stack/data/run.sh'), 5, 5), []],
    ['a changed manifest', () => writeFileSync(inBackup('_archive/manifest.json'), '[]'), ['_archive/manifest.json']],
    [
      'another target of a link',
      () => (unlinkSync(inBackup('stack/link')), symlinkSync('data/film', inBackup('stack/link'))),
      ['stack', 'stack/link'],
    ],
    [
      'a hard link that became a file of its own',
      () => {
        unlinkSync(inBackup('stack/second'))
        execFileSync('cp', ['-a', inBackup('stack/data/file'), inBackup('stack/second')])
      },
      ['stack'],
    ],
    [
      'a FIFO that became a file',
      () => (unlinkSync(inBackup('stack/fifo')), writeFileSync(inBackup('stack/fifo'), '')),
      ['stack', 'stack/fifo'],
    ],
    ...(isRoot ? ([['a changed owner', () => chownSync(inBackup('stack/data/run.sh'), 0, 5), []]] as const) : []),
  ] as [string, () => void, string[]][])('shows %s', async (_, edit, timesOf) => {
    const { nlink } = lstatSync(join(backup, 'stack/compose.yaml'))
    expect(nlink).toBe(2)
    keepingTimes(edit, ...timesOf)()
    await expect(readBack(backup, result)).rejects.toMatchObject({ code: 'CORRUPT' })
    expect((await readBack(backup)).sha256).not.toBe(result.sha256)
  })

  test('is replaced wholly when it is packed once more', async () => {
    unlinkSync(join(at.source, 'second'))
    writeFileSync(join(backup, 'left-over'), '')
    const again = await packed(at.path, at.source, { ...request, out: backup })
    expect(readdirSync(backup).sort()).toEqual(['_archive', '_volumes', 'stack'])
    expect(contentOf(join(backup, 'stack'))).toEqual(contentOf(at.source))
    expect(await readBack(backup, again.result)).toMatchObject({ entry_count: 14 })
  })

  test('packed for a download equals the tar.zst of the same stack', async () => {
    const own = await packed(at.path, at.source, { ...request, format: 'tar.zst' })
    const out = emptyFile(join(at.path, 'download'))
    const made = await unpacked(backup, out)
    expect(namesIn(out)).toEqual(namesIn(own.file))
    expect(namesIn(out).at(-1)).toBe('_archive/manifest.json')
    expect(contentOf(join(extract(out, join(at.path, 'from-folder')), 'stack'))).toEqual(contentOf(at.source))
    expect(made).toMatchObject({
      entry_count: own.result.entry_count,
      content_bytes: own.result.content_bytes,
    })
    const read = await verify({ op: 'verify', file: out, format: 'tar.zst', frames: 'all' }, quiet)
    expect(read).toMatchObject({ index: 'missing', size_bytes: made.size_bytes })
    const tars = [out, own.file].map((file) => execFileSync('zstd', ['-dc', file]))
    // the manifest has no owner in a tar, and its maker in a folder
    if (isRoot) expect(tars[0]?.equals(tars[1] ?? Buffer.alloc(0))).toBe(true)
  })

  test('that is not there is not packed', async () => {
    const out = emptyFile(join(at.path, 'download'))
    await expect(unpacked(join(at.path, 'gone'), out)).rejects.toThrow(
      `${join(at.path, 'gone')} cannot be read: it does not exist`,
    )
  })
})

describe('packed as a folder,', () => {
  test('holes stay holes', async () => {
    using at = ground()
    const fd = openSync(join(at.source, 'sparse'), 'w')
    ftruncateSync(fd, 64 * 1024 * 1024)
    writeSync(fd, 'in the middle', 20_000_000)
    closeSync(fd)
    const { file, result } = await packed(at.path, at.source, { format: 'folder' })
    const made = lstatSync(join(file, 'stack/sparse'))
    expect(made.size).toBe(64 * 1024 * 1024)
    expect(made.blocks * 512).toBeLessThan(1024 * 1024)
    expect(contentOf(join(file, 'stack'))).toEqual(contentOf(at.source))
    expect(await readBack(file, result)).toMatchObject({ index: null })
  })

  test('a stack whose directory has a name of ours is refused in words', async () => {
    using at = ground()
    const sources = [{ path: at.source, prefix: '_volumes', optional: false }]
    await expect(packed(at.path, at.source, { format: 'folder', sources })).rejects.toThrow(
      'a folder backup needs the name _volumes for itself: choose another format',
    )
  })

  test.skipIf(!isRoot)('what the file system does not keep is told', async () => {
    using at = ground()
    const disk = join(at.path, 'disk')
    mkdirSync(disk)
    writeFileSync(join(at.path, 'image'), '')
    truncateSync(join(at.path, 'image'), 8 * 1024 * 1024)
    execFileSync('mkfs.ext4', ['-q', '-I', '128', join(at.path, 'image')])
    execFileSync('mount', ['-o', 'loop', join(at.path, 'image'), disk])
    try {
      writeFileSync(join(at.source, 'file'), 'x')
      execFileSync('touch', ['-d', '2024-02-29 12:34:56.123456789', join(at.source, 'file')])
      execFileSync('touch', ['-d', '2024-02-29 12:34:56', at.source])
      const { file, result, remarks } = await packed(disk, at.source, { format: 'folder' })
      expect(remarks).toEqual([
        {
          type: 'warning',
          path: '',
          text: 'The time of one entry is not kept in the backup: the file system does not take it',
        },
      ])
      expect(result.lost_count).toBe(1)
      // what is there is what was hashed
      expect(await readBack(file, result)).toMatchObject({ index: null })
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

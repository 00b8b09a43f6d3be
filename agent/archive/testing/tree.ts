// A folder's content as comparable lines, read apart from walk.ts, and the real GNU tar and zstd to extract with.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  lstatSync,
  openSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  truncateSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ArchiveFormat } from 'db/domain/archive'
import { attributesOf } from '../system-calls.ts'

export const isRoot = process.getuid?.() === 0

/** `using folder = scratch()`. Removed by rm, as Node cannot remove names that are not UTF-8. */
export function scratch(within = realpathSync(tmpdir())): Disposable & { path: string } {
  const path = mkdtempSync(join(within, 'archiver-test-'))
  return { path, [Symbol.dispose]: () => execFileSync('rm', ['-rf', '--', path]) }
}

/** A scratch folder with an empty folder `source` in it. */
export function ground(within?: string): Disposable & { path: string; source: string } {
  const folder = scratch(within)
  const source = join(folder.path, 'source')
  mkdirSync(source)
  return { path: folder.path, source, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

/** A file system of its own, which shares blocks: `using disk = xfs()`. */
export function xfs(): Disposable & { path: string } {
  const folder = scratch()
  const [image, path] = [join(folder.path, 'image'), join(folder.path, 'disk')]
  writeFileSync(image, '')
  truncateSync(image, 500 * 2 ** 20)
  execFileSync('mkfs.xfs', ['-q', '-m', 'reflink=1', image])
  mkdirSync(path)
  execFileSync('mount', ['-o', 'loop', image, path])
  return {
    path,
    [Symbol.dispose]() {
      execFileSync('umount', [path])
      folder[Symbol.dispose]()
    },
  }
}

/** An empty file or folder to pack into, as the agent makes it. */
export function emptyFile(path: string, format: ArchiveFormat = 'tar.zst'): string {
  if (format === 'folder') mkdirSync(path, 0o700)
  else closeSync(openSync(path, 'wx'))
  return path
}

/** Restores a backup of any format into a new folder, with the tools of the system, and returns it. */
export function extract(backup: string, to: string): string {
  if (lstatSync(backup).isDirectory()) {
    execFileSync('cp', ['-a', '--', backup, to])
    return to
  }
  mkdirSync(to)
  // GNU tar tells that it does not know hdrcharset, which other readers need
  const options = ['-x', '-p', '--numeric-owner', '--warning=no-unknown-keyword', '--warning=no-timestamp']
  if (isRoot) options.push('--acls', '--xattrs', '--xattrs-include=*')
  execFileSync('tar', [...options, '-f', backup, '-C', to], { stdio: ['ignore', 'pipe', 'inherit'] })
  return to
}

/** Every entry with all that an archive keeps, sorted by name; names as latin1. */
export function contentOf(folder: string): string[] {
  const lines: string[] = []
  const firstNames = new Map<string, string>()
  const visit = (path: Buffer, name: string): void => {
    const stat = lstatSync(path, { bigint: true })
    const first = stat.isDirectory() ? name : (firstNames.get(`${stat.dev}:${stat.ino}`) ?? name)
    firstNames.set(`${stat.dev}:${stat.ino}`, first)
    const content = stat.isFile()
      ? createHash('sha256').update(readFileSync(path)).digest('hex')
      : stat.isSymbolicLink()
        ? readlinkSync(path, 'latin1')
        : stat.rdev
    const size = stat.isDirectory() ? '' : stat.size
    const facts = [name, first, stat.mode.toString(8), stat.uid, stat.gid, stat.mtimeNs, size, content]
    lines.push([...facts, ...attributesIn(path, stat)].join('|'))
    if (!stat.isDirectory()) return
    for (const base of readdirSync(path, 'latin1').sort()) {
      visit(Buffer.concat([path, Buffer.from(`/${base}`, 'latin1')]), `${name}/${base}`)
    }
  }
  visit(Buffer.from(folder), '')
  return lines
}

function attributesIn(path: Buffer, stat: BigIntStats): string[] {
  if (!stat.isFile() && !stat.isDirectory()) return []
  const fd = openSync(path, 'r')
  try {
    return attributesOf(fd).map(([name, value]) => `${name}=${value.toString('hex')}`)
  } finally {
    closeSync(fd)
  }
}

/** What the tar holds in its own order, names as latin1. */
export function namesIn(file: string): string[] {
  const list = execFileSync('tar', ['-t', '--quoting-style=literal', '--show-transformed-names', '-f', file])
  return list.toString('latin1').split('\n').slice(0, -1)
}

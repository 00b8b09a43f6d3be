// A hundred thousand small files, in and out of every format.
import { execFileSync } from 'node:child_process'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { archiveFormats } from 'db/domain/archive'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Pulse } from './pulse.ts'
import { packed } from './testing/packing.ts'
import { extract, ground, isRoot } from './testing/tree.ts'
import { unpack } from './unpack.ts'

const folders = 400
const filesInFolder = 250

const undo = new DisposableStack()
let at: ReturnType<typeof ground>
let source: string

beforeAll(() => {
  at = undo.use(ground())
  // in memory where that can be: to make and to remove a million files elsewhere takes minutes
  if (isRoot) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6g,nr_inodes=2m', 'tmpfs', at.path])
    undo.defer(() => execFileSync('umount', [at.path]))
    mkdirSync(at.source)
  }
  for (let folder = 0; folder < folders; folder++) {
    const path = join(at.source, `d${folder % 20}`, `folder ${folder}`)
    mkdirSync(path, { recursive: true })
    for (let n = 0; n < filesInFolder; n++) writeFileSync(join(path, `file-${n}`), `${folder}/${n}`.repeat(n % 40))
    utimesSync(path, folder, folder)
  }
  source = entriesOf(at.source)
}, 120_000)
afterAll(() => undo.dispose())

/** Names, modes, owners, times to the nanosecond and sizes. */
function entriesOf(folder: string): string {
  const list = execFileSync('find', [folder, '-printf', '%P|%y%m|%U|%G|%T@|%s\\n'], { maxBuffer: 2 ** 28 })
  return list
    .toString()
    .split('\n')
    .map((line) => (line.includes('|d') ? line.slice(0, line.lastIndexOf('|')) : line)) // the size of a folder is the file system's
    .sort()
    .join('\n')
}

function expectSame(folder: string): void {
  expect(entriesOf(folder) === source).toBe(true) // to show a hundred thousand lines would take minutes
  execFileSync('diff', ['-r', '--brief', at.source, folder]) // throws where a byte differs
  execFileSync('rm', ['-rf', folder])
}

test.each(archiveFormats)(
  '%s holds them all, for others and for us',
  async (format) => {
    const { file, result } = await packed(at.path, at.source, { format })
    expect(result).toMatchObject({ files: folders * filesInFolder, directories: folders + 20 + 1 })
    expectSame(join(extract(file, join(at.path, `others ${format}`)), 'stack'))
    const to = join(at.path, `ours ${format}`)
    const made = await unpack({ file, format, to, paths: [], overwrite: false }, new Pulse(() => {}))
    expect(made).toMatchObject({ faults: [], damage: null })
    expectSame(join(to, 'stack'))
  },
  180_000,
)

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { archiveFormats } from 'db/domain/archive'
import { packed } from './testing/packing.ts'
import { contentOf, extract, ground } from './testing/tree.ts'

function plant(folder: string, paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(Buffer.from(join(folder, path)), path)
  }
}

function namesBelow(folder: string): string[] {
  return contentOf(folder).map((line) => Buffer.from(line.split('|')[0] ?? '', 'latin1').toString())
}

const paths = [
  'cache/a',
  'cache/deep/b',
  'data/cache',
  'data/keep.log',
  'data/other.log',
  'data/LOUD.LOG',
  'logs/keep.log',
  'logs/old/x.log',
  'node_modules/x/index.js',
  'sub/node_modules/y',
  'täg/ü.tmp',
  'täg/a.tmp',
  '#hash',
  '!bang',
  'trailing ',
  'with space/file',
  'a[b]',
  'x/y/z/deep.bak',
  'foo/bar',
  'sub/foo/bar',
]

test.each<[string[]]>([
  [['*.log', '!keep.log']],
  [['logs/', '!logs/keep.log']],
  [['logs/*', '!logs/keep.log']],
  [['/cache']],
  [['cache/']],
  [['cache']],
  [['node_modules']],
  [['**/node_modules/']],
  [['/foo/bar']],
  [['foo/bar']],
  [['x/**/deep.bak']],
  [['x/**']],
  [['täg/?.tmp', '*.none']],
  [['t*g/ü.tmp']],
  [['\\#hash', '\\!bang', '# a comment', '']],
  [['trailing\\ ', 'with space/']],
  [['a\\[b\\]', '[c-x]*']],
  [['*', '!*/', '!*.log']],
  [['/*', '!/data', '/data/*', '!/data/cache']],
])('the patterns %j leave out what git leaves out', async (patterns) => {
  using at = ground()
  plant(at.source, paths)
  const { file, remarks } = await packed(at.path, at.source, { format: 'folder', patterns })
  const kept = namesBelow(join(file, 'stack'))

  // git names files alone, and takes a ? for one byte as we do
  execFileSync('git', ['init', '-q', at.source])
  writeFileSync(join(at.source, '.git/info/exclude'), patterns.join('\n'))
  const options = ['-C', at.source, '-c', 'core.excludesFile=/dev/null', '-c', 'core.quotePath=false']
  const listed = execFileSync('git', [...options, 'ls-files', '-z', '--others', '--exclude-standard'])
  const files = kept.filter((name) => paths.includes(name.slice(1))).map((name) => name.slice(1))
  expect(files.sort()).toEqual(listed.toString().split('\0').slice(0, -1).sort())
  expect(remarks).toEqual([
    { type: 'note', path: '', text: expect.stringMatching(/^Left out by the exclude patterns: /) },
  ])
})

test.each(archiveFormats)(
  'as %s: patterns count from the top of each source, and what was left out is counted',
  async (format) => {
    using at = ground()
    const volume = join(at.path, 'volume')
    plant(at.source, ['cache/a', 'cache/b', 'data/file', 'stack/cache/inner', 'tmp'])
    plant(volume, ['cache/c', 'tmp', 'data/x'])
    symlinkSync('data', join(at.source, 'linked'))
    const bytes = Buffer.concat([Buffer.from(at.source), Buffer.from('/\xfc\xff.tmp', 'latin1')])
    writeFileSync(bytes, 'x')
    const { file, remarks, result } = await packed(at.path, at.source, {
      format,
      patterns: ['/cache', '*.tmp', '/tmp', 'linked/'],
      sources: [
        { path: at.source, prefix: 'stack', optional: false },
        { path: volume, prefix: '_volumes/data', optional: false },
      ],
    })
    const restored = extract(file, join(at.path, 'restored'))
    expect(namesBelow(join(restored, 'stack'))).toEqual([
      '',
      '/data',
      '/data/file',
      '/linked',
      '/stack',
      '/stack/cache',
      '/stack/cache/inner',
    ])
    expect(namesBelow(join(restored, '_volumes/data'))).toEqual(['', '/data', '/data/x'])
    expect(remarks).toEqual([
      { type: 'note', path: '', text: 'Left out by the exclude patterns: 3 files, 2 folders with all in them' },
    ])
    expect(result.files).toBe(3)
  },
)

test('patterns that match nothing are told too', async () => {
  using at = ground()
  const { remarks } = await packed(at.path, at.source, { patterns: ['*.log'] })
  expect(remarks).toEqual([{ type: 'note', path: '', text: 'Left out by the exclude patterns: 0 files' }])
})

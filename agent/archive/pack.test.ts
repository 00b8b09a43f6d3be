import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packed } from './testing/packing.ts'
import { emptyFile, extract, ground, namesIn } from './testing/tree.ts'

describe('an archive', () => {
  test('of the same content is the same, sorted by bytes, made files last', async () => {
    using at = ground()
    mkdirSync(join(at.source, 'b'))
    for (const name of ['b/2', 'b/1', 'ä', 'a', 'Z', 'b.txt']) writeFileSync(join(at.source, name), name)
    const first = await packed(at.path, at.source)
    const second = await packed(at.path, at.source)
    expect(second.result).toEqual(first.result)
    expect(readFileSync(second.file)).toEqual(readFileSync(first.file))

    const append = [{ name: '_archive/manifest.json', content: '{"täg": 1}', mode: 0o600 }]
    const third = await packed(at.path, at.source, { append })
    // folders come behind what is in them
    const names = ['Z', 'a', 'b/1', 'b/2', 'b.txt', 'ä', 'b/', ''].map((name) => `stack/${name}`)
    expect(namesIn(third.file)).toEqual(
      [...names, '_archive/manifest.json'].map((name) => Buffer.from(name).toString('latin1')),
    )
    const restored = extract(third.file, join(at.path, 'restored'))
    expect(readFileSync(join(restored, '_archive/manifest.json'), 'utf8')).toBe('{"täg": 1}')
    expect(third.result).toMatchObject({ files: 6, directories: 2, entry_count: 9, bytes_read: 15, content_bytes: 26 })
  })

  test('of several sources keeps links between them, and leaves excluded folders out however they are reached', async () => {
    using at = ground()
    const volume = join(at.path, 'volume')
    const archives = join(at.source, 'archives')
    mkdirSync(volume)
    mkdirSync(archives)
    symlinkSync(archives, join(at.path, 'link-to-archives'))
    writeFileSync(join(archives, 'old.tar.zst'), 'x')
    writeFileSync(join(at.source, 'file'), 'x')
    linkSync(join(at.source, 'file'), join(volume, 'other-name'))
    const { file, result, remarks } = await packed(archives, at.source, {
      sources: [
        { path: at.source, prefix: 'stack', optional: false },
        { path: join(at.path, 'gone'), prefix: '_volumes/gone', optional: true },
        { path: volume, prefix: '_volumes/data', optional: false },
      ],
      exclude: [join(at.path, 'link-to-archives'), join(at.path, 'never-was')],
    })
    expect(namesIn(file)).toEqual(['stack/file', '_volumes/data/other-name', '_volumes/data/', 'stack/'])
    const restored = extract(file, join(at.path, 'restored'))
    expect(statSync(join(restored, 'stack/file')).ino).toBe(statSync(join(restored, '_volumes/data/other-name')).ino)
    expect(result).toMatchObject({ files: 2, bytes_read: 1, entry_count: 4 })
    expect(remarks).toEqual([
      {
        type: 'note',
        path: '_volumes/gone',
        text: `the folder ${join(at.path, 'gone')} cannot be read: it does not exist`,
      },
    ])
  })

  test('never contains itself', async () => {
    using at = ground()
    writeFileSync(join(at.source, 'file'), 'x')
    const { file } = await packed(at.source, at.source)
    expect(namesIn(file)).toEqual(['stack/file', 'stack/'])
  })

  test('is refused in words, and nothing written, when a source is missing or no folder', async () => {
    using at = ground()
    const out = emptyFile(join(at.path, 'out'))
    writeFileSync(out, 'as before')
    const gone = [{ path: join(at.path, 'gone'), prefix: 'stack', optional: false }]
    await expect(packed(at.path, at.source, { out, sources: gone })).rejects.toThrow(
      `the folder ${join(at.path, 'gone')} cannot be read: it does not exist`,
    )
    const file = [{ path: out, prefix: 'stack', optional: false }]
    await expect(packed(at.path, at.source, { out, sources: file })).rejects.toThrow('it is not a folder')
    expect(readFileSync(out, 'utf8')).toBe('as before')
  })

  test('skips sockets and says so', async () => {
    using at = ground()
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(at.source, 'so\ncket'), resolve))
    const { file, remarks } = await packed(at.path, at.source)
    await new Promise((resolve) => server.close(resolve))
    expect(namesIn(file)).toEqual(['stack/'])
    expect(remarks).toEqual([
      { type: 'note', path: 'stack/so\\ncket', text: 'is a socket, which archives do not keep' },
    ])
  })

  test('lists a thousand remarks and counts the rest', async () => {
    using at = ground()
    for (let n = 0; n < 1010; n++) writeFileSync(join(at.source, String(n).padStart(4, '0')), '')
    let once = (): void => {
      for (let n = 0; n < 1010; n++) unlinkSync(join(at.source, String(n).padStart(4, '0')))
      once = () => {}
    }
    let reads = 0
    const { remarks, result } = await packed(at.path, at.source, {}, () => ++reads === 3 && once())
    expect(result.entry_count + 1010 - result.files).toBe(1011)
    const notes = remarks.filter(({ type }) => type === 'note')
    expect(notes).toHaveLength(1001)
    expect(notes.at(-1)).toEqual({
      type: 'note',
      path: '',
      text: `and ${1010 - result.files - 1000} more notes that are not listed one by one`,
    })
  })
})

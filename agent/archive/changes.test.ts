import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { archiveFormats } from 'db/domain/archive'
import { packed } from './testing/packing.ts'
import { contentOf, extract, ground } from './testing/tree.ts'

const MiB = 1024 * 1024

describe.each(archiveFormats)('while it is packed as %s, a file', (format) => {
  async function packWhile(
    edit: (big: string) => void,
  ): Promise<{ content: Buffer; texts: string[]; changed: number }> {
    using at = ground()
    const big = join(at.source, 'big')
    writeFileSync(big, Buffer.alloc(5 * MiB, 'x'))
    writeFileSync(join(at.source, 'next'), 'next')
    let edited = false
    const { file, remarks, result } = await packed(at.path, at.source, { format }, (bytes) => {
      if (edited || bytes === 0) return
      edited = true
      edit(big)
    })
    expect(edited).toBe(true)
    const restored = extract(file, join(at.path, 'restored'))
    expect(readFileSync(join(restored, 'stack/next'), 'utf8')).toBe('next')
    return {
      content: readFileSync(join(restored, 'stack/big')),
      texts: remarks.map(({ type, path, text }) => `${type} ${path}: ${text}`),
      changed: result.changed_count,
    }
  }

  test('grows: the archive holds its first part', async () => {
    const { content, texts, changed } = await packWhile((big) => appendFileSync(big, 'more'))
    expect(content.equals(Buffer.alloc(5 * MiB, 'x'))).toBe(true)
    expect(texts).toEqual([
      'warning stack/big: grew from 5242880 to 5242884 bytes while it was read; the archive holds the first 5242880',
    ])
    expect(changed).toBe(1)
  })

  test('shrinks: the rest is zeros', async () => {
    const { content, texts } = await packWhile((big) => truncateSync(big, 3 * MiB + 5))
    expect(content.equals(Buffer.concat([Buffer.alloc(3 * MiB + 5, 'x'), Buffer.alloc(2 * MiB - 5)]))).toBe(true)
    expect(texts).toEqual([
      `warning stack/big: shrank from 5242880 to ${3 * MiB + 5} bytes while it was read; the rest is zeros in the archive`,
    ])
  })

  test('changes in place: told', async () => {
    const { texts } = await packWhile((big) =>
      execFileSync('dd', ['if=/dev/zero', `of=${big}`, 'bs=1', 'count=1', 'conv=notrunc', 'status=none']),
    )
    expect(texts).toEqual([
      'warning stack/big: changed while it was read; the archive may hold a mixture of old and new',
    ])
  })

  test('is deleted after it was opened: whole in the archive, told', async () => {
    const { content, changed } = await packWhile((big) => unlinkSync(big))
    expect(content.equals(Buffer.alloc(5 * MiB, 'x'))).toBe(true)
    expect(changed).toBe(1)
  })

  test.each([
    ['vanishes', (path: string) => unlinkSync(path), 'note stack/next: vanished while it was read'],
    [
      'vanishes with its folder',
      (path: string) => rmSync(join(path, '..'), { recursive: true }),
      'note stack/next: vanished while it was read',
    ],
  ])('%s: a note', async (_, edit, text) => {
    using at = ground()
    writeFileSync(join(at.source, 'big'), Buffer.alloc(2 * MiB))
    writeFileSync(join(at.source, 'next'), 'next')
    let edited = false
    const { file, remarks, result } = await packed(at.path, at.source, { format }, (bytes) => {
      if (bytes > 0 && !edited) edit(join(at.source, 'next'))
      edited ||= bytes > 0
    })
    const restored = contentOf(join(extract(file, join(at.path, 'restored')), 'stack'))
    expect(restored.map((line) => line.split('|')[0])).toEqual(['', '/big'])
    expect(remarks.map(({ type, path, text }) => `${type} ${path}: ${text}`)).toContain(text)
    expect(result).toMatchObject({ files: 1, unreadable_count: 0 })
  })

  test('gives its folder away to a link that leads outside: nothing outside is archived', async () => {
    using at = ground()
    mkdirSync(join(at.source, 'folder'))
    writeFileSync(join(at.source, 'folder/a'), Buffer.alloc(2 * MiB))
    writeFileSync(join(at.source, 'folder/b'), 'inside')
    const secret = join(at.path, 'secret')
    mkdirSync(secret)
    writeFileSync(join(secret, 'b'), 'outside')
    let edited = false
    const { file, remarks } = await packed(at.path, at.source, { format }, (bytes) => {
      if (edited || bytes === 0) return
      edited = true
      renameSync(join(at.source, 'folder'), join(at.path, 'moved'))
      symlinkSync(secret, join(at.source, 'folder'))
    })
    const restored = extract(file, join(at.path, 'restored'))
    const b = join(restored, 'stack/folder/b')
    if (existsSync(b)) expect(readFileSync(b, 'utf8')).toBe('inside')
    else expect(remarks.map(({ path }) => path)).toContain('stack/folder/b')
  })
})

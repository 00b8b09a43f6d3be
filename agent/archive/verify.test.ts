import { execFileSync } from 'node:child_process'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { PackResult } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { packed } from './testing/packing.ts'
import { ground } from './testing/tree.ts'
import { verify } from './verify.ts'

function readBack(file: string, result?: PackResult) {
  return verify({ op: 'verify', file, format: 'tar.zst' }, result, new Pulse(() => {}))
}

/** An archive of a little of everything; its content does not compress to nothing. */
async function sample(at: { path: string; source: string }): Promise<{ file: string; result: PackResult }> {
  writeFileSync(join(at.source, 'text'), 'text '.repeat(3000))
  writeFileSync(
    join(at.source, 'n'.repeat(200)),
    Buffer.from(Array.from({ length: 3000 }, (_, n) => (n * n * 31) % 251)),
  )
  return packed(at.path, at.source, { append: [{ name: '_archive/manifest.json', content: '{}', mode: 0o644 }] })
}

describe('reading back', () => {
  test('finds what was packed', async () => {
    using at = ground()
    const { file, result } = await sample(at)
    const { entry_count, content_bytes, size_bytes, sha256 } = result
    expect(await readBack(file, result)).toEqual({ entry_count, content_bytes, size_bytes, sha256, compared: true })
    expect(await readBack(file)).toMatchObject({ entry_count: 4, content_bytes: 18_002, compared: false })
    expect(execFileSync('sha256sum', [file], { encoding: 'utf8' })).toContain(sha256)
  })

  test('finds any flipped byte', async () => {
    using at = ground()
    const { file, result } = await sample(at)
    const whole = readFileSync(file)
    let foundWithoutComparing = 0
    for (let n = 0; n < whole.length; n++) {
      const damaged = Buffer.from(whole)
      damaged[n] = (damaged[n] ?? 0) ^ (1 << (n % 8))
      writeFileSync(file, damaged)
      await expect(readBack(file, result)).rejects.toMatchObject({ code: 'CORRUPT' })
      foundWithoutComparing += await readBack(file).then(
        () => 0,
        () => 1,
      )
    }
    // the form alone shows all but the few bits that zstd does not need for the same content
    expect(foundWithoutComparing).toBeGreaterThan(whole.length * 0.98)
  })

  test('finds a file cut anywhere, with and without knowing what was written', async () => {
    using at = ground()
    const { file, result } = await sample(at)
    const whole = readFileSync(file)
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(file, whole.subarray(0, length))
      await expect(readBack(file, result)).rejects.toMatchObject({ code: 'CORRUPT' })
      await expect(readBack(file)).rejects.toThrow(`${file} is damaged: it ends too early`)
    }
    truncateSync(file, 0)
    await expect(readBack(file)).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  test('finds something appended, and another good archive in its place', async () => {
    using at = ground()
    const { file, result } = await sample(at)
    const whole = readFileSync(file)
    writeFileSync(file, Buffer.concat([whole, Buffer.from('x')]))
    await expect(readBack(file, result)).rejects.toMatchObject({ code: 'CORRUPT' })
    writeFileSync(join(at.source, 'one-more'), '')
    const other = await packed(at.path, at.source)
    writeFileSync(file, readFileSync(other.file))
    await expect(readBack(file, result)).rejects.toThrow(`${file} is damaged: `)
  })

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

  test('says that a file is not there', async () => {
    await expect(readBack('/nowhere/file')).rejects.toThrow('/nowhere/file cannot be read back: it does not exist')
  })
})

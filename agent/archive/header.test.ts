import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { encodeHead, typeflags, type EntryHead } from './header.ts'
import { TarReader } from './tar-reader.ts'

const file: EntryHead = { name: 'file', typeflag: typeflags.file, mode: 0o640, uid: 0, gid: 0, size: 0, mtimeNs: 0n }

/** What GNU tar lists when it is given nothing but the head. */
function listed(head: Buffer): string {
  return spawnSync('tar', ['-tv', '--numeric-owner', '--full-time', '--utc', '-f', '-'], {
    input: head,
  }).stdout.toString()
}

test.each([0, 1, 511, 8 * 2 ** 30 - 1, 8 * 2 ** 30, 5_000_000_000_000])('a size of %d bytes', (size) => {
  const head = encodeHead({ ...file, size })
  expect(listed(head)).toMatch(new RegExp(`^-rw-r----- 0/0 +${size} 1970-01-01 00:00:00 file\n`))
  const reader = new TarReader()
  reader.push(head)
  expect(reader).toMatchObject({ entries: 1, contentBytes: size })
})

test.each([
  [0n, '1970-01-01 00:00:00'],
  [1_709_210_096_123_456_789n, '2024-02-29 12:34:56.123456789'],
  [1_709_210_096_000_000_001n, '2024-02-29 12:34:56.000000001'],
  [1_709_210_096_100_000_000n, '2024-02-29 12:34:56.1'],
  [-1_000_000_000n, '1969-12-31 23:59:59'],
  // fractions before 1970 are restored right, but listed wrong by GNU tar 1.34
  [10_413_792_000_000_000_000n, '2300-01-01 00:00:00'],
])('a time of %d ns', (mtimeNs, text) => {
  expect(listed(encodeHead({ ...file, mtimeNs }))).toContain(`${text} file\n`)
})

test.each([98, 99, 100, 101, 255, 256, 985, 986, 987, 999, 1000, 4000, 9990, 20_000])(
  'a name of %d bytes',
  (length) => {
    const name = 'n'.repeat(length)
    expect(listed(encodeHead({ ...file, name }))).toContain(` ${name}\n`)
    expect(listed(encodeHead({ ...file, typeflag: typeflags.symlink, linkname: name }))).toContain(` file -> ${name}\n`)
  },
)

test('a file whose name would be cut right behind a "/" stays a file, also when others have cut it', () => {
  const name = `${'d'.repeat(99)}/file`
  const head = encodeHead({ ...file, name, size: 1000 })
  expect(listed(head)).toMatch(new RegExp(`^-rw-r----- .* ${name}\n`))
  const cut = Buffer.from(head.subarray(-512))
  cut.write('/', 99)
  cut.write(' '.repeat(8), 148)
  const sum = cut.reduce((total, byte) => total + byte, 0)
  cut.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  for (const block of [head, Buffer.concat([head.subarray(0, -512), cut])]) {
    const reader = new TarReader()
    reader.push(block)
    expect(reader).toMatchObject({ entries: 1, contentBytes: 1000 })
  }
})

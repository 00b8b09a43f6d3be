// Reads the head of a tar entry, as we and others write them: ustar, pax, GNU's long names and sparse files, base-256 numbers.
// Names are bytes as latin1. Formats: POSIX.1-2017 pax; "GNU tar: Basic Tar Format", "Storing Sparse Files".
import { BLOCK } from './header.ts'
import type { Extent } from './system-calls.ts'
import { Malformed } from './malformed.ts'

export type HeadKind =
  'file' | 'hardLink' | 'symlink' | 'characterDevice' | 'blockDevice' | 'directory' | 'fifo' | 'unknown'

export interface TarHead {
  name: string
  kind: HeadKind
  /** The 12 permission bits. */
  mode: number
  uid: number
  gid: number
  mtimeNs: bigint
  /** Bytes of content that follow in the tar. */
  size: number
  linkname: string
  /** Of devices, as the kernel counts them. */
  rdev: bigint
  /** Bytes of a file with holes, and where its data goes; null where a map of that stands before the data. */
  sparse: { size: number; extents: Extent[] | null } | null
  /** pax records that no field is made of: attributes among them. */
  records: [key: string, value: string][]
}

const kinds: Record<string, HeadKind> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardLink',
  '2': 'symlink',
  '3': 'characterDevice',
  '4': 'blockDevice',
  '5': 'directory',
  '6': 'fifo',
}

/** A block of the tar as an entry's head. Throws Malformed where it is none. */
export function decodeBlock(block: Buffer): { typeflag: string; head: TarHead } {
  if (!isSumRight(block)) throw new Malformed('the tar has a header whose checksum is wrong')
  const typeflag = String.fromCharCode(block[156] ?? 0)
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isPosix ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  const head: TarHead = {
    name: prefix === '' ? name : `${prefix}/${name}`,
    kind: kinds[typeflag] ?? 'unknown',
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    mtimeNs: BigInt(number(block, 136, 12)) * 1_000_000_000n,
    size: number(block, 124, 12),
    linkname: text(block, 157, 100),
    rdev: 0n,
    sparse: null,
    records: [],
  }
  if (typeflag === '3' || typeflag === '4') head.rdev = deviceOf(number(block, 329, 8), number(block, 337, 8))
  return { typeflag, head }
}

/** Puts what pax records say into a head. Throws Malformed. */
export function applyRecords(head: TarHead, records: readonly [key: string, value: string][]): void {
  const holes: number[] = []
  let map: string | undefined
  let realSize: string | undefined
  let hasMapBefore = false
  for (const [key, value] of records) {
    if (key === 'path') head.name = value
    else if (key === 'linkpath') head.linkname = value
    else if (key === 'size') head.size = whole(value)
    else if (key === 'uid') head.uid = whole(value)
    else if (key === 'gid') head.gid = whole(value)
    else if (key === 'mtime') head.mtimeNs = nanoseconds(value)
    else if (key === 'GNU.sparse.major') hasMapBefore = value === '1'
    else if (key === 'GNU.sparse.map') map = value
    else if (key === 'GNU.sparse.realsize' || key === 'GNU.sparse.size') realSize = value
    else if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') holes.push(whole(value))
    else if (key.startsWith('SCHILY.')) head.records.push([key, value])
  }
  // whatever the order: the name in the block, and in "path", is one that readers see that know nothing of holes
  const name = records.findLast(([key]) => key === 'GNU.sparse.name')
  if (name) head.name = name[1]
  if (realSize === undefined) return
  const numbers = map === undefined ? holes : map.split(',').map(whole)
  head.sparse = { size: whole(realSize), extents: hasMapBefore ? null : extentsOf(numbers) }
}

/** Of `offset length offset length …`. */
export function extentsOf(numbers: readonly number[]): Extent[] {
  const extents: Extent[] = []
  for (let at = 0; at + 1 < numbers.length; at += 2)
    extents.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 })
  return extents
}

/** What GNU's own kind of sparse file has in its head or in a block behind it; `more`: one more such block follows. */
export function gnuSparse(block: Buffer, isHead: boolean): { numbers: number[]; more: boolean; size: number } {
  const [from, count] = isHead ? [386, 4] : [0, 21]
  const numbers: number[] = []
  for (let at = from; at < from + count * 24; at += 12) if (block[at] !== 0) numbers.push(number(block, at, 12))
  const size = isHead ? number(block, 483, 12) : 0
  return { numbers, more: block[isHead ? 482 : 504] === 1, size }
}

/** "LENGTH key=value\n" each. Throws Malformed. */
export function decodeRecords(records: Buffer): [key: string, value: string][] {
  const found: [string, string][] = []
  for (let at = 0; at < records.length;) {
    const space = records.indexOf(0x20, at)
    const length = space > at && space - at < 10 ? Number(records.toString('latin1', at, space)) : NaN
    const end = at + length
    const equals = records.indexOf(0x3d, space)
    if (!(end <= records.length && equals > space && equals < end && records[end - 1] === 10))
      throw new Malformed('the tar has a damaged pax record')
    found.push([records.toString('latin1', space + 1, equals), records.toString('latin1', equals + 1, end - 1)])
    at = end
  }
  return found
}

function isSumRight(block: Buffer): boolean {
  let sum = 8 * 0x20
  for (let at = 0; at < 148; at++) sum += block[at] ?? 0
  for (let at = 156; at < BLOCK; at++) sum += block[at] ?? 0
  return sum === number(block, 148, 8)
}

function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at)
  return block.toString('latin1', at, end < 0 || end > at + length ? at + length : end)
}

/** Octal digits between blanks, or base 256 where the first bit is set. */
function number(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0
  let value = 0
  if (first & 0x80) {
    const isNegative = first === 0xff
    if (!isNegative) value = first & 0x7f
    for (let n = at + 1; n < at + length; n++)
      value = value * 256 + (isNegative ? 255 - (block[n] ?? 0) : (block[n] ?? 0))
    return isNegative ? -value - 1 : value
  }
  let digits = 0
  for (let n = at; n < at + length; n++) {
    const byte = block[n] ?? 0
    if (byte >= 0x30 && byte <= 0x37) {
      value = value * 8 + byte - 0x30
      digits++
    } else if (byte !== 0 && byte !== 0x20) throw new Malformed('the tar has a header with a number that is none')
    else if (digits > 0) break
  }
  return value
}

function whole(value: string): number {
  const found = /^\d{1,16}$/.test(value) ? Number(value) : NaN
  if (!Number.isSafeInteger(found)) throw new Malformed('the tar has a pax record with a number that is none')
  return found
}

function nanoseconds(value: string): bigint {
  const [, sign, seconds, fraction = ''] = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value) ?? []
  if (seconds === undefined) throw new Malformed('the tar has a pax record with a time that is none')
  const absolute = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  return sign === '-' ? -absolute : absolute
}

/** As glibc's gnu_dev_makedev. */
function deviceOf(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)]
  return ((high & ~0xfffn) << 32n) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | (low & 0xffn)
}

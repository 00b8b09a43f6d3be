// Encodes the head of one tar entry: a ustar block, with a pax header before it when the block cannot hold a value.
// tar's own Header and Pax take names as UTF-8 text, so bytes that are not UTF-8 would be lost; hence this encoder.
// Names are "latin1" strings here and in walk.ts: one character is one byte, compared and sorted as bytes, at a
// quarter of the memory of a Buffer each. Format: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block".
import { isUtf8 } from 'node:buffer'

export const BLOCK = 512

/** The two blocks of zeros that end a tar. */
export const endOfArchive = Buffer.alloc(2 * BLOCK)

export const typeflags = {
  file: '0',
  hardLink: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  directory: '5',
  fifo: '6',
} as const

export interface EntryHead {
  /** Bytes as latin1; a directory's ends in "/". */
  name: string
  typeflag: (typeof typeflags)[keyof typeof typeflags]
  /** The 12 permission bits. */
  mode: number
  uid: number
  gid: number
  /** Bytes of content that follow. */
  size: number
  mtimeNs: bigint
  /** Target of a link, bytes as latin1. */
  linkname?: string
  /** Of devices. */
  major?: number
  minor?: number
  /** Further pax records, such as those of attributes. */
  records?: string
  /** Bytes of the file with its holes; `size` are then those of its map and its data. */
  sparseSize?: number
}

export function encodeHead(entry: EntryHead): Buffer {
  const records = paxRecords(entry)
  const block = ustarBlock(entry.sparseSize === undefined ? entry : { ...entry, name: sparseName(entry.name) })
  if (records === '') return block
  const filling = Buffer.alloc(paddedSize(records.length))
  filling.write(records, 'latin1')
  return Buffer.concat([paxHead(records.length), filling, block])
}

/** Made once for each length: nearly every entry has one, and nearly all are of few lengths. */
const paxHeads = new Map<number, Buffer>()

function paxHead(size: number): Buffer {
  let head = paxHeads.get(size)
  if (!head) {
    head = ustarBlock({ name: 'PaxHeaders/next', typeflag: 'x', mode: 0o644, uid: 0, gid: 0, size, mtimeNs: 0n })
    paxHeads.set(size, head)
  }
  return head
}

/** Content is filled up to whole blocks. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

function paxRecords(entry: EntryHead): string {
  const { name, linkname = '', mtimeNs, size, uid, gid } = entry
  let names = ''
  if (entry.sparseSize !== undefined) names += paxRecord('GNU.sparse.name', name)
  else if (name.length > 100) names += paxRecord('path', name)
  if (linkname.length > 100) names += paxRecord('linkpath', linkname)
  // pax names are UTF-8 unless said otherwise; readers convert them, and would change or refuse other bytes
  if (names !== '' && !isUtf8(Buffer.from(names, 'latin1'))) names = paxRecord('hdrcharset', 'BINARY') + names
  let records = names + (entry.records ?? '')
  if (entry.sparseSize !== undefined)
    records +=
      paxRecord('GNU.sparse.major', '1') +
      paxRecord('GNU.sparse.minor', '0') +
      paxRecord('GNU.sparse.realsize', String(entry.sparseSize))
  const seconds = mtimeNs / 1_000_000_000n
  if (mtimeNs < 0n || seconds > 0o77777777777n || seconds * 1_000_000_000n !== mtimeNs) {
    records += paxRecord('mtime', decimalSeconds(mtimeNs))
  }
  if (size > 0o77777777777) records += paxRecord('size', String(size))
  if (uid > 0o7777777) records += paxRecord('uid', String(uid))
  if (gid > 0o7777777) records += paxRecord('gid', String(gid))
  return records
}

/** What readers see that know nothing of holes; those that do take GNU.sparse.name. */
function sparseName(name: string): string {
  const slash = name.lastIndexOf('/')
  return `${name.slice(0, slash + 1)}GNUSparseFile.0/${name.slice(slash + 1)}`
}

/** The map of a sparse file, which stands before its data: GNU tar's "PAX Format, Version 1.0". */
export function sparseMap(extents: readonly { offset: number; length: number }[]): Buffer {
  const numbers = [extents.length, ...extents.flatMap(({ offset, length }) => [offset, length])]
  const text = Buffer.from(numbers.map((number) => `${number}\n`).join(''))
  return Buffer.concat([text, Buffer.alloc(paddedSize(text.length) - text.length)])
}

/** A global pax header that says nothing, `length` bytes long, of whole blocks. */
export function encodeComment(length: number): Buffer {
  const size = length - BLOCK
  const head = ustarBlock({ name: 'GlobalHead/skip', typeflag: 'g', mode: 0o644, uid: 0, gid: 0, size, mtimeNs: 0n })
  if (size === 0) return head
  const filling = ' '.repeat(size - `${size} comment=\n`.length)
  return Buffer.concat([head, Buffer.from(`${size} comment=${filling}\n`)])
}

/** "LENGTH key=value\n", where the length counts its own digits too. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return length + rest
}

function decimalSeconds(ns: bigint): string {
  const absolute = ns < 0n ? -ns : ns
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '')
  return `${ns < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction && '.'}${fraction}`
}

function ustarBlock(entry: Omit<EntryHead, 'typeflag'> & { typeflag: string }): Buffer {
  const block = Buffer.alloc(BLOCK)
  // readers take a name that ends in "/" for a folder, so a longer name is not cut right behind one
  const cutAtSlash = entry.name.length > 100 && entry.name[99] === '/' && entry.typeflag !== typeflags.directory
  block.write(entry.name, 0, cutAtSlash ? 99 : 100, 'latin1')
  writeNumber(block, 100, 8, entry.mode)
  writeNumber(block, 108, 8, entry.uid)
  writeNumber(block, 116, 8, entry.gid)
  writeNumber(block, 124, 12, entry.size)
  writeNumber(block, 136, 12, entry.mtimeNs < 0n ? 0 : Number(entry.mtimeNs / 1_000_000_000n))
  block.write(entry.typeflag, 156, 1, 'latin1')
  if (entry.linkname !== undefined) block.write(entry.linkname, 157, 100, 'latin1')
  block.write('ustar\x0000', 257, 8, 'latin1')
  writeNumber(block, 329, 8, entry.major ?? 0)
  writeNumber(block, 337, 8, entry.minor ?? 0)
  writeOctal(block, 148, 6, checksum(block))
  block[155] = 0x20
  return block
}

/** The sum of all bytes, with the checksum's own field (here still zeros) counted as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20
  for (let at = 0; at < BLOCK; at++) sum += block[at] ?? 0
  return sum
}

/** Octal digits and a NUL; a number too large for them in base 256, as GNU tar and libarchive do. */
function writeNumber(block: Buffer, offset: number, length: number, value: number): void {
  if (value < 8 ** (length - 1)) return writeOctal(block, offset, length - 1, value)
  let rest = value
  for (let at = offset + length - 1; at > offset; at--) {
    block[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  block[offset] = 0x80
}

function writeOctal(block: Buffer, offset: number, digits: number, value: number): void {
  let rest = value
  for (let at = offset + digits - 1; at >= offset; at--) {
    block[at] = 0x30 + (rest % 8)
    rest = Math.floor(rest / 8)
  }
}

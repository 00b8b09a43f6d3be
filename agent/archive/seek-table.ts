// The end of a .tar.zst: a table by which other programs find their way in it, too. Format: "Zstandard Seekable Format" 0.1.0.
import type { TarFormat } from './protocol.ts'

const skippableMagic = 0x184d2a5e
const seekableMagic = 0x8f92eab1
const footerLength = 9
const longest = 2 ** 30

/** A range of the file and the bytes of tar it unpacks to; none for what readers skip. */
export interface Stretch {
  offset: number
  length: number
  raw: number
}

/** `live` in the order of the file; what lies between is skipped by readers. Empty for formats that have no such table. */
export function seekTable(format: TarFormat, live: Iterable<Stretch>): Buffer {
  if (format !== 'tar.zst') return Buffer.alloc(0)
  const entries: number[] = []
  let at = 0
  for (const { offset, length, raw } of live) {
    for (let gap = offset - at; gap > 0; gap -= longest) entries.push(Math.min(gap, longest), 0)
    entries.push(length, raw)
    at = offset + length
  }
  const table = Buffer.alloc(8 + entries.length * 4 + footerLength)
  table.writeUInt32LE(skippableMagic, 0)
  table.writeUInt32LE(table.length - 8, 4)
  let to = 8
  for (const number of entries) to = table.writeUInt32LE(number, to)
  to = table.writeUInt32LE(entries.length / 2, to)
  table.writeUInt8(0, to) // no checksums: each frame has its own
  table.writeUInt32LE(seekableMagic, to + 1)
  return table
}

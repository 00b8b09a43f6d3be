// A frame: a piece of the tar that is compressed on its own, checked on its own and taken over on its own.
//
//   .tar.zst  a zstd frame with a content checksum, filled up to whole blocks by a skippable frame
//   .tar.gz   a gzip member, filled up by the extra field of its header
//   .tar      the bytes as they are
//
// Whole blocks, because then a file system that shares blocks takes a frame over without copying it. A frame that holds no
// more is made one that readers skip. Formats: RFC 8878 "Skippable Frames", RFC 1952 "EXTRA", POSIX pax "comment".
import { crc32, deflateRawSync, gunzipSync } from 'node:zlib'
import zstd from 'zstd-napi/binding.js'
import { encodeComment } from './header.ts'
import type { TarFormat } from './protocol.ts'

/** The block of file systems that share blocks. */
export const ALIGN = 4096

/** Content of a large file in one frame, in bytes. */
export const CHUNK = 2 * 1024 * 1024

/** No frame holds more, whatever is in it, but for heads of entries. */
export const LARGEST = 4 * 1024 * 1024

export interface Codec {
  /** Writes the frame of `raw` to the beginning of `into`, which has room for `bound(raw.length)`; returns its length. */
  encode(raw: Buffer, into: Buffer): number
  bound(rawLength: number): number
  /** Fills `into` from a frame; returns how much. Throws when the frame is damaged or holds more than `into`. */
  decode(frame: Buffer, into: Buffer): number
}

export function codecOf(format: TarFormat, level: number): Codec {
  switch (format) {
    case 'tar':
      return plain
    case 'tar.gz':
      return gzipCodec(Math.min(level, 9))
    case 'tar.zst':
      return zstdCodec(level)
  }
}

const plain: Codec = {
  encode: (raw, into) => raw.copy(into),
  bound: (rawLength) => rawLength,
  decode(frame, into) {
    if (frame.length > into.length) throw new Error('it is longer than it should be')
    return frame.copy(into)
  },
}

/** From here on a frame is asked first how well it compresses. */
const worthAsking = 128 * 1024
const sampled = 8 * 1024

function zstdCodec(level: number): Codec {
  const context = contextOf(level)
  // Level 3 takes ten times as long as level 1 for what hardly compresses (2,500 to 240 MB/s), and gains half a percent.
  const quick = level > 1 ? contextOf(1) : context
  const reader = new zstd.DCtx()
  return {
    encode(raw, into) {
      const hard = raw.length >= worthAsking && level > 1 && level < 10 && hardlyCompresses(quick, raw, into)
      const length = (hard ? quick : context).compress2(into, raw)
      const end = alignedEnd(length, 8)
      skippable(into.subarray(length, end))
      return end
    },
    bound: (rawLength) => zstd.compressBound(rawLength) + 3 * ALIGN,
    decode: (frame, into) => reader.decompress(into, frame),
  }
}

function contextOf(level: number): zstd.CCtx {
  const context = new zstd.CCtx()
  // For less than 256 KiB zstd looks for shorter matches: a fifth of a percent smaller, and takes a tenth longer.
  if (level === 3) context.setParameter(zstd.CParameter.minMatch, 5)
  context.setParameter(zstd.CParameter.compressionLevel, level)
  context.setParameter(zstd.CParameter.checksumFlag, 1)
  return context
}

/** From samples at the beginning, in the middle and at the end: all have to. */
function hardlyCompresses(context: zstd.CCtx, raw: Buffer, into: Buffer): boolean {
  return [0, (raw.length - sampled) >> 1, raw.length - sampled].every(
    (at) => context.compress2(into, raw.subarray(at, at + sampled)) > 0.9 * sampled,
  )
}

function gzipCodec(level: number): Codec {
  return {
    encode(raw, into) {
      const body = deflateRawSync(raw, { level, chunkSize: deflatedBound(raw.length) })
      const bare = 10 + body.length + 8
      const extra = alignedEnd(bare, 6) - bare
      const at = memberHead(into, extra)
      body.copy(into, at)
      const end = at + body.length
      free(body)
      into.writeUInt32LE(crc32(raw), end)
      into.writeUInt32LE(raw.length, end + 4)
      return bare + extra
    },
    bound: (rawLength) => deflatedBound(rawLength) + 2 * ALIGN,
    decode(frame, into) {
      const content = gunzipSync(frame, { maxOutputLength: Math.max(1, into.length), chunkSize: into.length + 64 })
      const length = content.copy(into)
      free(content)
      return length
    },
  }
}

/** At once: V8 waits until there are some 64 MiB of such. */
function free({ buffer }: Buffer): void {
  if (buffer.byteLength > Buffer.poolSize && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** It needs 5 bytes for each 16 KiB that it stores. */
function deflatedBound(rawLength: number): number {
  return rawLength + (rawLength >> 10) + ALIGN
}

const deflate = 8
const hasExtra = 4

/** Ten bytes of a member's head, and its extra field of `extra` bytes: none, or 6 to 65,537. */
function memberHead(into: Buffer, extra: number): number {
  into.fill(0, 0, 10 + extra)
  into.set([0x1f, 0x8b, deflate, extra > 0 ? hasExtra : 0], 0)
  into[9] = 3 // Unix
  if (extra === 0) return 10
  into.writeUInt16LE(extra - 2, 10)
  into.write('DA', 12, 'latin1')
  into.writeUInt16LE(extra - 6, 14)
  return 10 + extra
}

/** Where a frame of `length` bytes ends with its filling, which is nothing or has at least `least` bytes. */
function alignedEnd(length: number, least: number): number {
  const end = Math.ceil(length / ALIGN) * ALIGN
  return end === length || end - length >= least ? end : end + ALIGN
}

const skippableMagic = 0x184d2a50

/** Makes all of `range` one skippable frame of zeros. */
function skippable(range: Buffer): void {
  if (range.length === 0) return
  range.fill(0)
  range.writeUInt32LE(skippableMagic, 0)
  range.writeUInt32LE(range.length - 8, 4)
}

/** Readers know a file by its beginning, which must not be a skippable frame: a frame of nothing, in one empty block. */
const emptyFrame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0])

/** What has to stand where in a range that is otherwise zeros, so that readers skip it; the range of frames side by side. */
export function deadMarks(format: TarFormat, offset: number, length: number): { at: number; bytes: Buffer }[] {
  switch (format) {
    case 'tar.zst':
      return pieces(length, 2 ** 30).map(({ at, length: piece }) => {
        const before = offset + at === 0 ? emptyFrame : Buffer.alloc(0)
        const mark = Buffer.alloc(8)
        mark.writeUInt32LE(skippableMagic, 0)
        mark.writeUInt32LE(piece - before.length - 8, 4)
        return { at, bytes: Buffer.concat([before, mark]) }
      })
    case 'tar.gz':
      return pieces(length, ALIGN * 15).flatMap(({ at, length: piece }) => {
        const bytes = Buffer.alloc(piece)
        const end = memberHead(bytes, piece - 20)
        bytes.set([3, 0], end) // an empty block of deflate; checksum and length are zeros
        return [{ at, bytes }]
      })
    case 'tar':
      return pieces(length, 64 * 1024).map(({ at, length: piece }) => ({ at, bytes: encodeComment(piece) }))
  }
}

function pieces(length: number, most: number): { at: number; length: number }[] {
  const all: { at: number; length: number }[] = []
  for (let at = 0; at < length; at += most) all.push({ at, length: Math.min(most, length - at) })
  return all
}

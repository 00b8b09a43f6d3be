// Writes an index, group by group; index-file.ts tells what stands in it.
import { closeSync, fchmodSync, fstatSync, fsyncSync, openSync, type BigIntStats } from 'node:fs'
import { createHash } from 'node:crypto'
import zstd from 'zstd-napi/binding.js'
import {
  hashLength,
  IndexReader,
  summaryMagic,
  type Frame,
  type Group,
  type AnySummary,
  type IndexSummary,
} from './index-file.ts'
import { scratchFile, writeAll, writing } from './out-file.ts'

const MiB = 1024 * 1024

export class IndexWriter {
  readonly #path: string
  readonly #fd: number
  readonly #hash = createHash('sha256')
  readonly #context = new zstd.CCtx()
  #lines: string[] = []
  #length = 0
  readonly #frames: Frame[] = []
  entries = 0
  bytes = 0

  /** Replaces what is there; who may read it are those of `mode`. */
  static at(path: string, mode: number): IndexWriter {
    const fd = writing(path, () => openSync(path, 'w+', 0o600))
    writing(path, () => fchmodSync(fd, mode))
    return new IndexWriter(fd, path)
  }

  /** Without a name, in the folder of `path`: gone with this process, whatever ends it. */
  static scratch(path: string): IndexWriter {
    return new IndexWriter(scratchFile(path), path)
  }

  private constructor(fd: number, path: string) {
    this.#fd = fd
    this.#path = path
    this.#context.setParameter(zstd.CParameter.compressionLevel, 3)
    this.#context.setParameter(zstd.CParameter.checksumFlag, 1)
  }

  group({ of, frames, lines, taken }: Group): void {
    const told = frames.map(({ offset, length, raw, hash, read, print }) => [
      offset,
      length,
      raw,
      hash,
      read,
      ...(print === undefined ? [] : [print]),
    ])
    this.#line(JSON.stringify({ frames: told, of, ...(taken ? { taken } : {}) }))
    for (const line of lines) this.#line(line)
    this.#frames.push(...frames)
    this.entries += lines.length
  }

  /** Everything stands in the file afterwards; flushing it is the caller's. Returns a reader of it; the file stays this one's. */
  finish<Summary extends AnySummary = IndexSummary>(told: Omit<Summary, 'version' | 'entries'>): IndexReader<Summary> {
    this.#flush()
    const linesEnd = this.bytes
    const summary = { version: 2, ...told, entries: this.entries } as Summary
    const text = Buffer.from(JSON.stringify(summary))
    const head = Buffer.alloc(8)
    head.writeUInt32LE(summaryMagic, 0)
    head.writeUInt32LE(text.length + hashLength, 4)
    this.#write(Buffer.concat([head, text]))
    this.#write(this.#hash.copy().digest())
    return new IndexReader(this.#fd, summary, linesEnd)
  }

  /** Of the file, so that it never becomes part of the backup. */
  stat(): BigIntStats {
    return fstatSync(this.#fd, { bigint: true })
  }

  framesByPlace(): Frame[] {
    return this.#frames.toSorted((a, b) => a.offset - b.offset)
  }

  flush(): void {
    writing(this.#path, () => fsyncSync(this.#fd))
  }

  close(): void {
    closeSync(this.#fd)
  }

  #line(line: string): void {
    this.#lines.push(line)
    this.#length += line.length
    if (this.#length >= MiB) this.#flush()
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    const text = Buffer.from(this.#lines.join('\n') + '\n')
    const out = Buffer.allocUnsafe(zstd.compressBound(text.length))
    this.#write(out.subarray(0, this.#context.compress2(out, text)))
    this.#lines = []
    this.#length = 0
  }

  #write(bytes: Buffer): void {
    this.#hash.update(bytes)
    writeAll(this.#path, this.#fd, bytes, this.bytes)
    this.bytes += bytes.length
  }
}

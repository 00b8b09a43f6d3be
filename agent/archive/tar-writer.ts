// A backup as one tar in one file, whichever way it is compressed.
import { readSync, type BigIntStats } from 'node:fs'
import type { BackupWriter, Metadata, SpecialKind } from './backup-writer.ts'
import { compressorOf, type Compressor } from './compressors.ts'
import { encodeHead, endOfArchive, paddedSize, typeflags, type EntryHead } from './header.ts'
import { OutFile } from './out-file.ts'
import type { AppendedFile } from './protocol.ts'
import { latin1 } from './walk.ts'

const MiB = 1024 * 1024

export class TarWriter implements BackupWriter {
  readonly #file: OutFile
  readonly #compressor: Compressor
  /** Collects what is to be compressed, so that thousands of small files cost few calls. */
  readonly #input = Buffer.allocUnsafe(MiB)
  #used = 0
  #padding = 0

  constructor(path: string, format: 'tar' | 'tar.gz' | 'tar.zst', level: number) {
    this.#file = new OutFile(path)
    this.#compressor = compressorOf(format, level, (bytes) => this.#file.write(bytes))
  }

  stat(): BigIntStats {
    return this.#file.stat()
  }

  folder(name: string, metadata: Metadata): void {
    this.#head({ ...metadata, name: `${name}/`, typeflag: typeflags.directory })
  }

  hardLink(name: string, metadata: Metadata, first: string): void {
    this.#head({ ...metadata, name, typeflag: typeflags.hardLink, linkname: first })
  }

  symlink(name: string, metadata: Metadata, target: string): void {
    this.#head({ ...metadata, name, typeflag: typeflags.symlink, linkname: target })
  }

  special(name: string, metadata: Metadata, kind: SpecialKind, rdev: bigint): void {
    this.#head({ ...metadata, name, typeflag: typeflags[kind], ...deviceNumbers(rdev) })
  }

  beginFile(name: string, metadata: Metadata, size: number): void {
    this.#head({ ...metadata, name, typeflag: typeflags.file, size })
    this.#padding = paddedSize(size) - size
  }

  readFrom(fd: number, most: number): number {
    const length = readSync(fd, this.#input, this.#used, Math.min(most, this.#room()), null)
    this.#filled(length)
    return length
  }

  zeros(most: number): number {
    const length = Math.min(most, this.#room())
    this.#input.fill(0, this.#used, this.#used + length)
    this.#filled(length)
    return length
  }

  endFile(): void {
    this.#write(Buffer.alloc(this.#padding))
  }

  append({ name, content, mode }: AppendedFile, mtimeNs: bigint): void {
    const bytes = Buffer.from(content)
    this.beginFile(latin1(name), { mode, uid: 0, gid: 0, mtimeNs }, bytes.length)
    this.#write(bytes)
    this.endFile()
  }

  get full(): boolean {
    return this.#compressor.full
  }

  drain(): Promise<void> {
    return this.#compressor.drain()
  }

  async finish(): Promise<{ size_bytes: number; sha256: string; lost_count: number }> {
    this.#write(endOfArchive)
    this.#compressor.push(this.#input.subarray(0, this.#used))
    await this.#compressor.finish()
    return { ...this.#file.finish(), lost_count: 0 }
  }

  close(): void {
    this.#file.close()
  }

  #head(entry: Omit<EntryHead, 'size'> & { size?: number }): void {
    this.#write(encodeHead({ size: 0, ...entry }))
  }

  #write(bytes: Buffer): void {
    for (let from = 0; from < bytes.length;) {
      const length = bytes.copy(this.#input, this.#used, from)
      this.#filled(length)
      from += length
    }
  }

  /** Never 0 between calls. */
  #room(): number {
    return this.#input.length - this.#used
  }

  #filled(length: number): void {
    this.#used += length
    if (this.#room() > 0) return
    this.#compressor.push(this.#input)
    this.#used = 0
  }
}

/** As glibc's gnu_dev_major and gnu_dev_minor. */
function deviceNumbers(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)
  return { major: Number(major), minor: Number(minor) }
}

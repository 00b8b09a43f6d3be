// What every format of a backup does with the entries it is given, in the order of the walk.
import type { BigIntStats } from 'node:fs'
import { FolderWriter } from './folder-writer.ts'
import type { AppendedFile, PackRequest } from './protocol.ts'
import type { Remarks } from './remarks.ts'
import { TarWriter } from './tar-writer.ts'

export interface Metadata {
  /** The 12 permission bits. */
  mode: number
  uid: number
  gid: number
  mtimeNs: bigint
}

export type SpecialKind = 'fifo' | 'characterDevice' | 'blockDevice'

/** Names and targets are bytes as latin1. An EngineError thrown by any of it ends the archive. */
export interface BackupWriter {
  /** Of the backup itself, so that it never becomes part of itself. */
  stat(): BigIntStats
  folder(name: string, metadata: Metadata): void
  /** One more name of what was written as `first`. */
  hardLink(name: string, metadata: Metadata, first: string): void
  symlink(name: string, metadata: Metadata, target: string): void
  /** Throws a system error when this one cannot be kept. */
  special(name: string, metadata: Metadata, kind: SpecialKind, rdev: bigint): void
  /** Exactly `size` bytes follow by `readFrom` and `zeros`, then `endFile`. */
  beginFile(name: string, metadata: Metadata, size: number, hasHoles: boolean): void
  /** Takes up to `most` bytes from where an open file stands; answers how many, 0 at its end. Throws that file's errors as they are. */
  readFrom(fd: number, most: number): number
  /** Writes up to `most` zeros; answers how many. */
  zeros(most: number): number
  endFile(): void
  append(file: AppendedFile, mtimeNs: bigint): void
  /** More waits to be written than memory should hold: drain first. */
  readonly full: boolean
  drain(): Promise<void>
  finish(): Promise<{ size_bytes: number; sha256: string; lost_count: number }>
  close(): void
}

export function openWriter(
  { out, format, level }: Pick<PackRequest, 'out' | 'format' | 'level'>,
  remarks: Remarks,
): BackupWriter {
  return format === 'folder' ? new FolderWriter(out, remarks) : new TarWriter(out, format, level)
}

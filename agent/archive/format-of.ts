// Which format a backup is of, by its first bytes: its name may be any.
import { fstatSync, readSync, statSync } from 'node:fs'
import type { ArchiveFormat } from 'db/domain/archive'
import { openReading } from './open-reading.ts'

/** Throws an EngineError when it cannot be read. What begins like nothing known is taken for a tar. */
export function formatOf(file: string): ArchiveFormat {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) return 'folder'
  using opened = openReading(file)
  const head = Buffer.alloc(4)
  if (fstatSync(opened.fd).isFile()) readSync(opened.fd, head, 0, 4, 0)
  const magic = head.readUInt32LE(0)
  // a zstd frame, or one that readers skip
  if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 'tar.zst'
  return head[0] === 0x1f && head[1] === 0x8b ? 'tar.gz' : 'tar'
}

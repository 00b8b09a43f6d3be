// What is in a backup: from its index where it has a good one, otherwise by reading all of it.
import { fstatSync } from 'node:fs'
import type { ArchiveFormat } from 'db/domain/archive'
import { parseLine, type IndexEntry } from './entry-line.ts'
import type { IndexReader } from './index-file.ts'
import { groupsIn, openIndexOf, type IndexState } from './index-of.ts'
import { openReading } from './open-reading.ts'
import type { Pulse } from './pulse.ts'
import { readEntries } from './read-entries.ts'
import type { HeadKind, TarHead } from './tar-head.ts'

export interface Listed {
  kind: HeadKind
  /** Bytes as latin1. */
  name: string
  mode: number
  uid: number
  gid: number
  /** Of a file with its holes, in bytes. */
  size: number
  mtimeNs: bigint
  /** Of devices, as the kernel counts them. */
  rdev: bigint
  /** Of a link; bytes as latin1. */
  target: string
}

/** Tells every entry in the order of the backup; returns what it was found by. Throws an EngineError, CORRUPT for damage. */
export async function list(
  file: string,
  format: ArchiveFormat,
  tell: (entry: Listed) => void,
  pulse: Pulse,
): Promise<IndexState> {
  using opened = format === 'folder' ? null : openReading(file)
  using indexed = opened ? openIndexOf(file, fstatSync(opened.fd).size) : null
  if (indexed?.index) listIndex(indexed.index, tell)
  else {
    const entry = (head: TarHead) => tell(listedOf(head))
    await readEntries(file, format, { entry, content: () => {}, complete: () => {} }, pulse)
  }
  return indexed?.state ?? null
}

function listedOf({ kind, name, mode, uid, gid, size, mtimeNs, rdev, sparse, linkname }: TarHead): Listed {
  const plain = name.endsWith('/') ? name.slice(0, -1) : name
  const isFile = kind === 'file'
  return {
    kind,
    name: plain,
    mode,
    uid,
    gid,
    size: isFile ? (sparse?.size ?? size) : 0,
    mtimeNs,
    rdev,
    target: linkname,
  }
}

function listIndex(index: IndexReader, tell: (entry: Listed) => void): void {
  const madeNs = BigInt(Date.parse(index.summary.made_at)) * 1_000_000n
  for (const { lines } of groupsIn(index)) {
    let first: IndexEntry | undefined
    for (const line of lines) {
      const entry = parseLine(line)
      if (entry.type !== 'h') first = entry
      // of a further name the index knows the first alone: they are one file
      const { mode = 0, uid = 0, gid = 0, mtimeNs = madeNs } = entry.type === 'h' ? (first ?? entry) : entry
      const { size = 0, rdev = 0n, target = '', name } = entry
      tell({ kind: kinds[entry.type], name, mode, uid, gid, size, mtimeNs, rdev, target })
    }
  }
}

const kinds: Record<IndexEntry['type'], HeadKind> = {
  f: 'file',
  a: 'file',
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  c: 'characterDevice',
  b: 'blockDevice',
  h: 'hardLink',
}

// Whole entries, read into one piece of tar.
import { closeSync, constants } from 'node:fs'
import { attributeRecords } from './attributes.ts'
import type { Entry, FileEntry, GroupJob, Made } from './frame-jobs.ts'
import { encodeHead, endOfArchive, paddedSize, sparseMap, typeflags } from './header.ts'
import { openEntry } from './open-entry.ts'
import type { Raw } from './raw.ts'
import { failure, look, lookAgain } from './read-file.ts'
import { dataExtents, type Extent } from './system-calls.ts'
import { latin1 } from './names.ts'

/** Entries that cannot be read are left out, and told of in `made`; the tar is well-formed whatever becomes of them. */
export function readGroup({ entries, last }: GroupJob, raw: Raw, made: Made): void {
  /** The name that hard links lead to, by the first name of their file; null while none of its names could be read. */
  const present = new Map<string, string | null>()
  for (const [at, entry] of entries.entries()) {
    if (entry.kind !== 'hardLink') {
      const isIn = add(entry, at, raw, made)
      if (entry.kind !== 'made') present.set(entry.name, isIn ? entry.name : null)
      continue
    }
    const target = present.get(entry.first)
    if (target !== null && target !== undefined) raw.add(hardLinkHead(entry, target))
    else if (entry.of === 'file') {
      // the first name is gone; what it led to may still be here
      const { first, of: _, ...rest } = entry
      const file = { ...rest, kind: 'file' as const }
      if (!add(file, at, raw, made)) continue
      present.set(first, file.name)
      made.promoted.push({ at, entry: file })
    } else made.left.push(at)
    if (target !== entry.first && target) made.promoted.push({ at, entry: { ...entry, first: target } })
  }
  if (last) raw.add(endOfArchive)
}

function hardLinkHead(entry: Extract<Entry, { kind: 'hardLink' }>, linkname: string): Buffer {
  return encodeHead({ ...entry, size: 0, typeflag: typeflags.hardLink, linkname })
}

/** False when it is not in the tar. */
function add(entry: Exclude<Entry, { kind: 'hardLink' }>, at: number, raw: Raw, made: Made): boolean {
  switch (entry.kind) {
    case 'file':
      return addFile(entry, at, raw, made)
    case 'directory':
      raw.add(
        encodeHead({
          ...entry,
          name: `${entry.name}/`,
          size: 0,
          typeflag: typeflags.directory,
          records: ofFolder(entry),
        }),
      )
      return true
    case 'symlink':
      raw.add(encodeHead({ ...entry, size: 0, typeflag: typeflags.symlink, linkname: entry.target }))
      return true
    case 'made':
      raw.add(
        encodeHead({
          ...entry,
          name: latin1(entry.name),
          uid: 0,
          gid: 0,
          size: entry.content.length,
          typeflag: typeflags.file,
        }),
      )
      raw.add(Buffer.from(entry.content))
      raw.zeros(paddedSize(entry.content.length) - entry.content.length)
      return true
    default:
      raw.add(encodeHead({ ...entry, size: 0, typeflag: typeflags[entry.kind], ...deviceNumbers(entry.rdev) }))
      return true
  }
}

/** A folder whose attributes cannot be read any more is kept without; what was in it is told of elsewhere. */
function ofFolder(entry: Extract<Entry, { kind: 'directory' | 'fifo' | 'characterDevice' | 'blockDevice' }>): string {
  let fd: number | undefined
  try {
    fd = openEntry(entry, constants.O_DIRECTORY)
    return attributeRecords(fd)
  } catch {
    return ''
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function addFile(entry: FileEntry, at: number, raw: Raw, made: Made): boolean {
  let fd: number
  try {
    fd = openEntry(entry)
  } catch (error) {
    made.faults.push({ at, what: 'notRead', ...failure(error) })
    made.left.push(at)
    return false
  }
  const start = raw.length
  try {
    const opened = look(fd, entry.dev)
    if (!opened.before.isFile()) {
      made.faults.push({ at, what: 'replaced' })
      made.left.push(at)
      return false
    }
    const { before } = opened
    // a file that has grown out of its group is kept as long as it was
    const size = Math.min(Number(before.size), Math.max(entry.size, 64 * 1024))
    const extents = before.blocks * 512n < before.size ? dataExtents(fd, size) : [{ offset: 0, length: size }]
    addHead(
      raw,
      {
        ...entry,
        mode: Number(before.mode & 0o7777n),
        uid: Number(before.uid),
        gid: Number(before.gid),
        mtimeNs: before.mtimeNs,
        size,
      },
      extents,
      attributeRecords(fd),
    )
    const wanted = extents.reduce((sum, { length }) => sum + length, 0)
    const content = raw.length
    try {
      for (const { offset, length } of extents) raw.readFrom(fd, length, offset)
      lookAgain(opened, { ...entry, size }, at, wanted, raw.length - content, made)
    } catch (error) {
      made.faults.push({ at, what: 'notReadWholly', read: raw.length - content, size, ...failure(error) })
      made.reread.push(at)
    }
    made.bytesRead += raw.length - content
    raw.zeros(paddedSize(wanted) - (raw.length - content))
    return true
  } catch (error) {
    // its state cannot be read: a network file system has lost it
    raw.cut(start)
    made.faults.push({ at, what: 'notRead', ...failure(error) })
    made.left.push(at)
    return false
  } finally {
    closeSync(fd)
  }
}

/** The head of a file, and its map where it has holes; `size` bytes of content or the extents' follow. */
export function addHead(raw: Raw, entry: FileEntry, extents: readonly Extent[], records: string): void {
  const isWhole = extents.length === 1 && extents[0]?.offset === 0 && extents[0].length === entry.size
  if (isWhole || entry.size === 0) {
    raw.add(encodeHead({ ...entry, typeflag: typeflags.file, records }))
    return
  }
  // the file's end is told by an extent without data, as GNU tar does
  const map = sparseMap([...extents, { offset: entry.size, length: 0 }])
  const stored = map.length + extents.reduce((sum, { length }) => sum + length, 0)
  raw.add(encodeHead({ ...entry, size: stored, sparseSize: entry.size, typeflag: typeflags.file, records }))
  raw.add(map)
}

/** As glibc's gnu_dev_major and gnu_dev_minor. */
function deviceNumbers(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)
  return { major: Number(major), minor: Number(minor) }
}

// What the walk found, as an entry of the tar.
import { readlinkSync } from 'node:fs'
import type { FileState } from './file-state.ts'
import type { Entry } from './frame-jobs.ts'
import { seenOf } from './read-file.ts'
import type { Remarks } from './remarks.ts'
import type { FoundIn } from './sources.ts'
import { bytes } from './names.ts'
import type { Found } from './walk.ts'

export type FoundEntry = Exclude<Entry, { kind: 'made' | 'hardLink' }>

/** Null, and told, where a link cannot be read. Not for sockets. */
export function entryOf(
  { name, path, stat, root }: Found & Pick<FoundIn, 'root'>,
  remarks: Remarks,
): FoundEntry | null {
  const placed = {
    ...seenOf(stat),
    name,
    root: root.reach,
    below: root.name === '' ? name : name.slice(root.name.length + 1),
  }
  if (stat.isSymbolicLink()) {
    try {
      return { ...placed, kind: 'symlink', target: readlinkSync(bytes(path), 'latin1') }
    } catch (error) {
      remarks.notRead(name, error as NodeJS.ErrnoException)
      return null
    }
  }
  return { ...placed, kind: kindOf(stat) }
}

function kindOf(stat: FileState): Exclude<FoundEntry['kind'], 'symlink'> {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isFIFO()) return 'fifo'
  return stat.isBlockDevice() ? 'blockDevice' : 'characterDevice'
}

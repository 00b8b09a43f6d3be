// Visits a folder and everything below it, each folder before its content, names sorted by their bytes.
// Holds one list of names for each folder between the root and the current entry, and nothing else.
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync } from 'node:fs'
import { stateOf, type FileState } from './file-state.ts'
import { bytes } from './names.ts'

export interface Found {
  /** The name in the tar, without a closing "/"; bytes as latin1. */
  name: string
  /** The path to open it by, valid until the next entry is asked for; bytes as latin1. */
  path: string
  stat: FileState
}

/** What could not be visited: vanished (ENOENT) or unreadable. */
export interface Unvisited {
  name: string
  /** The entry itself was found; what is in it could not be. */
  contentOnly: boolean
  error: NodeJS.ErrnoException
}

export interface OpenFolder {
  fd: number
  /** Where its entries are found, as latin1. */
  reach: string
  name: string
  names: string[]
  next: number
}

// Entries are reached through the open folder: paths longer than the kernel's 4,095 bytes work, and a folder that is
// replaced by a symbolic link meanwhile leads nowhere else. Elsewhere than on Linux the path itself has to do.
export const throughDescriptors = existsSync('/proc/self/fd')

/** Asked once for each entry below the root, with its name; a folder that is left out is not looked into. */
export type LeavesOut = (name: string, stat: FileState) => boolean

/** Closes `root` at its end, or when it is left early. */
export function* walk(root: OpenFolder, leavesOut: LeavesOut): Generator<Found | Unvisited, void, void> {
  const open: OpenFolder[] = [root]
  try {
    yield { name: root.name, path: `${root.reach}/.`, stat: fstatSync(root.fd, { bigint: true }) }
    yield* list(root)
    for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
      const base = folder.names[folder.next++]
      if (base === undefined) {
        closeSync(folder.fd)
        open.pop()
        continue
      }
      const name = `${folder.name}/${base}`
      const reach = `${folder.reach}/${base}`
      let child: OpenFolder | undefined
      let contentOnly = false
      try {
        const stat = stateOf(folder.fd, base, reach)
        if (leavesOut(name, stat)) continue
        yield { name, path: reach, stat }
        if (!stat.isDirectory()) continue
        contentOnly = true
        child = openFolder(reach, name, constants.O_DIRECTORY | constants.O_NOFOLLOW)
      } catch (error) {
        yield { name, contentOnly, error: error as NodeJS.ErrnoException }
        continue
      }
      open.push(child)
      yield* list(child)
    }
  } finally {
    for (const folder of open) closeSync(folder.fd)
  }
}

function* list(folder: OpenFolder): Generator<Unvisited, void, void> {
  try {
    folder.names = readdirSync(bytes(folder.reach), 'latin1').sort()
  } catch (error) {
    yield { name: folder.name, contentOnly: true, error: error as NodeJS.ErrnoException }
  }
}

/** `path` and `name` are bytes as latin1. */
export function openFolder(path: string, name: string, flags: number): OpenFolder {
  const fd = openSync(bytes(path), constants.O_RDONLY | flags)
  return { fd, reach: throughDescriptors ? `/proc/self/fd/${fd}` : path, name, names: [], next: 0 }
}

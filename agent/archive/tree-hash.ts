// The SHA-256 of a folder backup: of its entries in their canonical order, so that it can be computed while it is
// written and again, from the disk alone, whenever it is verified.
//
// Order: the stack's folder, then `_volumes`, then `_archive`; within each folder names sorted by their bytes, a
// folder's own record after those of its content. The backup's own top folder has none: its mode and time may change.
// A record, all bytes as they are: TYPE " " MODE " " UID " " GID " " MTIME " " SIZE " " CONTENT NUL NAME NUL TARGET NUL
//   TYPE     f file, d folder, l symbolic link, p FIFO, c and b devices, s socket, h a further name of an earlier entry
//   MODE     the 12 permission bits in octal; MTIME in nanoseconds since 1970
//   SIZE     bytes of a file, the number of a device, otherwise 0
//   CONTENT  SHA-256 of a file's content in hex, otherwise empty
//   NAME     below the backup's folder; TARGET of a symbolic link, or the earlier name
// The record of a further name has zeros for numbers: what it is stands in the earlier one.
import { createHash } from 'node:crypto'
import type { FileState } from './file-state.ts'

export class TreeHash {
  readonly #hash = createHash('sha256')

  add(name: string, stat: FileState, { content = '', target = '' } = {}): void {
    const size = stat.isFile() ? stat.size : stat.isBlockDevice() || stat.isCharacterDevice() ? stat.rdev : 0n
    const mode = (stat.mode & 0o7777n).toString(8)
    const numbers = `${typeOf(stat)} ${mode} ${stat.uid} ${stat.gid} ${stat.mtimeNs} ${size}`
    this.#hash.update(`${numbers} ${content}\0${name}\0${target}\0`, 'latin1')
  }

  addFurtherName(name: string, first: string): void {
    this.#hash.update(`h 0 0 0 0 0 \0${name}\0${first}\0`, 'latin1')
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

function typeOf(stat: FileState): string {
  if (stat.isFile()) return 'f'
  if (stat.isDirectory()) return 'd'
  if (stat.isSymbolicLink()) return 'l'
  if (stat.isFIFO()) return 'p'
  if (stat.isCharacterDevice()) return 'c'
  return stat.isBlockDevice() ? 'b' : 's'
}

/** The folders between the root of a walk and where it is. Each is left once a name outside of it comes up. */
export class FolderStack<Folder extends { name: string }> {
  readonly #open: Folder[] = []
  readonly #leave: (folder: Folder) => void

  constructor(leave: (folder: Folder) => void) {
    this.#leave = leave
  }

  get innermost(): Folder | undefined {
    return this.#open.at(-1)
  }

  enter(folder: Folder): void {
    this.#open.push(folder)
  }

  leaveAllButThoseAbove(name: string): void {
    for (let folder = this.innermost; folder && !name.startsWith(`${folder.name}/`); folder = this.innermost) {
      this.#leave(folder)
      this.#open.pop()
    }
  }

  leaveAll(): void {
    this.leaveAllButThoseAbove('')
  }
}

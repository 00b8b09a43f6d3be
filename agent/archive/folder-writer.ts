// A backup as a folder: every entry again, as it is, below the backup's own folder.
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { createHash, type Hash } from 'node:crypto'
import type { EarlierFolder } from './earlier-folder.ts'
import { writing } from './out-file.ts'
import type { AppendedFile } from './protocol.ts'
import type { Remarks } from './remarks.ts'
import { attributesOf, makeSpecial, setAttribute, setLinkTime, setTime, shareBlocks } from './system-calls.ts'
import { FolderStack, TreeHash } from './tree-hash.ts'
import { bytes, latin1 } from './names.ts'
import { openFolder, type OpenFolder } from './walk.ts'

const MiB = 1024 * 1024
/** Zeros of this length, aligned, become a hole where the source has some. */
const hole = Buffer.alloc(64 * 1024)

export interface Metadata {
  /** The 12 permission bits. */
  mode: number
  uid: number
  gid: number
  mtimeNs: bigint
  /** Extended attributes, ACLs among them. */
  attributes?: readonly [name: string, value: Buffer][]
}

export type SpecialKind = 'fifo' | 'characterDevice' | 'blockDevice'

interface MadeFolder {
  name: string
  folder: OpenFolder
  /** Null for one that stands for no folder of the sources. */
  metadata: Metadata | null
}

interface MadeFile {
  name: string
  metadata: Metadata
  fd: number
  size: number
  at: number
  hash: Hash
  hasHoles: boolean
}

/** Names and targets are bytes as latin1. An EngineError thrown by any of it ends the archive. */
export class FolderWriter {
  readonly #path: string
  readonly #root: OpenFolder
  readonly #remarks: Remarks
  readonly #tree = new TreeHash()
  readonly #folders = new FolderStack<MadeFolder>((made) => this.#leave(made))
  readonly #buffer = Buffer.allocUnsafe(MiB)
  readonly #lost = new Map<string, number>()
  readonly #open = new Set<number>()
  #file: MadeFile | undefined
  #size = 0
  #sharesBlocks = true

  /** Takes an existing, empty folder; it is the caller who makes and removes it. */
  constructor(path: string, remarks: Remarks) {
    this.#path = path
    this.#remarks = remarks
    this.#root = this.#writing(() => openFolder(latin1(path), '', constants.O_DIRECTORY | constants.O_NOFOLLOW))
    this.#open.add(this.#root.fd)
  }

  /** Of the backup itself, so that it never becomes part of itself. */
  stat(): BigIntStats {
    return fstatSync(this.#root.fd, { bigint: true })
  }

  folder(name: string, metadata: Metadata | null): void {
    const path = this.#place(name)
    const folder = this.#writing(() => {
      mkdirSync(bytes(path), 0o700)
      return openFolder(path, name, constants.O_DIRECTORY | constants.O_NOFOLLOW)
    })
    this.#open.add(folder.fd)
    this.#folders.enter({ name, folder, metadata })
  }

  /** One more name of what was written as `first`. */
  hardLink(name: string, first: string): void {
    const path = this.#place(name)
    this.#writing(() => this.#reaching(first, (existing) => linkSync(bytes(existing), bytes(path))))
    this.#tree.addFurtherName(name, first)
  }

  symlink(name: string, metadata: Metadata, target: string): void {
    const path = bytes(this.#place(name))
    this.#writing(() => symlinkSync(bytes(target), path))
    this.#tree.add(name, this.#setByPath(path, metadata), { target })
  }

  /** Throws a system error when this one cannot be kept. */
  special(name: string, metadata: Metadata, kind: SpecialKind, rdev: bigint): void {
    const path = bytes(this.#place(name))
    try {
      makeSpecial(path, specialModes[kind] | 0o600, rdev)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM') throw error
      this.#writing(() => {
        throw error
      })
    }
    this.#tree.add(name, this.#setByPath(path, metadata))
  }

  /**
   * Takes a file over from an earlier folder, where it has the same name: moves it, shares its blocks, or gives it one more name. False, and
   * nothing is there, where that cannot be, or it is not there as it should be.
   */
  takeOver(name: string, metadata: Metadata, size: number, content: string, { root, givesUp }: EarlierFolder): boolean {
    const path = bytes(this.#place(name))
    try {
      this.#reaching(
        name,
        (existing) => {
          if (givesUp) renameSync(bytes(existing), path)
          else if (!this.#shareContent(bytes(existing), path, metadata)) linkSync(bytes(existing), path)
        },
        root.reach,
      )
    } catch {
      return false
    }
    const stat = lstatSync(path, { bigint: true })
    if (!stat.isFile() || Number(stat.size) !== size || !isAs(metadata, stat)) {
      this.#writing(() => unlinkSync(path))
      return false
    }
    this.#tree.add(name, stat, { content })
    this.#size += size
    return true
  }

  /** Exactly `size` bytes follow by `readFrom` and `zeros`, then `endFile`. */
  beginFile(name: string, metadata: Metadata, size: number, hasHoles: boolean): void {
    const path = bytes(this.#place(name))
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const fd = this.#writing(() => openSync(path, flags, 0o600))
    this.#open.add(fd)
    this.#file = { name, metadata, fd, size, at: 0, hash: createHash('sha256'), hasHoles }
  }

  /** Takes up to `most` bytes from where an open file stands; answers how many, 0 at its end. Throws that file's errors as they are. */
  readFrom(fd: number, most: number): number {
    const length = readSync(fd, this.#buffer, 0, Math.min(most, this.#buffer.length), null)
    this.#write(this.#buffer.subarray(0, length))
    return length
  }

  /** Writes up to `most` zeros; answers how many. */
  zeros(most: number): number {
    const file = this.#current()
    const length = Math.min(most, hole.length)
    file.hash.update(hole.subarray(0, length))
    file.at += length
    return length
  }

  /** Returns the SHA-256 of its content, in hex. */
  endFile(): string {
    const { fd, name, metadata, at, hash } = this.#current()
    const content = hash.digest('hex')
    const stat = this.#writing(() => {
      if (fstatSync(fd).size < at) ftruncateSync(fd, at)
      return this.#setByDescriptor(fd, metadata)
    })
    this.#tree.add(name, stat, { content })
    this.#size += at
    this.#close(fd)
    this.#file = undefined
    return content
  }

  append({ name, content, mode }: AppendedFile, mtimeNs: bigint): void {
    const { uid, gid } = this.stat()
    const written = Buffer.from(content)
    this.beginFile(latin1(name), { mode, uid: Number(uid), gid: Number(gid), mtimeNs }, written.length, false)
    this.#write(written)
    this.endFile()
  }

  finish(): { size_bytes: number; sha256: string; lost_count: number } {
    this.#folders.leaveAll()
    for (const [what, count] of this.#lost) {
      const why = process.getuid?.() === 0 ? 'the file system does not take it' : 'the agent does not run as root'
      const entries = count === 1 ? 'one entry' : `${count} entries`
      this.#remarks.onAll('warning', `The ${what} of ${entries} is not kept in the backup: ${why}`)
    }
    const lost_count = Math.max(0, ...this.#lost.values())
    return { size_bytes: this.#size, sha256: this.#tree.digest(), lost_count }
  }

  close(): void {
    for (const fd of this.#open) closeSync(fd)
  }

  /** Where an entry is to be made. Folders between that belong to no source (`_volumes`, `_archive`) are made. */
  #place(name: string): string {
    this.#folders.leaveAllButThoseAbove(name)
    const above = name.slice(0, Math.max(0, name.lastIndexOf('/')))
    if (above !== (this.#folders.innermost?.name ?? '')) this.folder(above, null)
    const folder = this.#folders.innermost?.folder ?? this.#root
    return `${folder.reach}/${name.slice(name.lastIndexOf('/') + 1)}`
  }

  /** A file of its own with the blocks of another. False, and it is not there, where the file system cannot do that. */
  #shareContent(existing: Buffer, path: Buffer, metadata: Metadata): boolean {
    if (!this.#sharesBlocks) return false
    const from = openSync(existing, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const to = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
      try {
        this.#sharesBlocks = shareBlocks(from, 0, to, 0, 0)
        if (this.#sharesBlocks) this.#setByDescriptor(to, { ...metadata, attributes: attributesOf(from) })
      } finally {
        closeSync(to)
        if (!this.#sharesBlocks) unlinkSync(path)
      }
    } finally {
      closeSync(from)
    }
    return this.#sharesBlocks
  }

  #leave({ name, folder, metadata }: MadeFolder): void {
    const wanted = metadata ?? {
      ...ownerOf(this.stat()),
      mode: 0o755,
      mtimeNs: fstatSync(folder.fd, { bigint: true }).mtimeNs,
    }
    this.#tree.add(
      name,
      this.#writing(() => this.#setByDescriptor(folder.fd, wanted)),
    )
    this.#close(folder.fd)
  }

  #write(from: Buffer): void {
    const file = this.#current()
    file.hash.update(from)
    for (let at = 0; at < from.length;) {
      const piece = from.subarray(at, at + (file.hasHoles ? hole.length : from.length))
      if (file.hasHoles && piece.equals(hole)) at += piece.length
      else at += this.#writing(() => writeSync(file.fd, piece, 0, piece.length, file.at + at))
    }
    file.at += from.length
  }

  #current(): MadeFile {
    if (!this.#file) throw new Error('no file is being written')
    return this.#file
  }

  #close(fd: number): void {
    closeSync(fd)
    this.#open.delete(fd)
  }

  #setByDescriptor(fd: number, metadata: Metadata): BigIntStats {
    attempt(() => fchownSync(fd, metadata.uid, metadata.gid))
    attempt(() => fchmodSync(fd, metadata.mode)) // after the owner, whose change takes setuid bits away
    // after the mode, whose change is one of an ACL's mask
    for (const [name, value] of metadata.attributes ?? [])
      if (!attempt(() => setAttribute(fd, name, value))) this.#lose(`attribute ${name}`)
    attempt(() => setTime(fd, metadata.mtimeNs))
    return this.#compared(fstatSync(fd, { bigint: true }), metadata)
  }

  #setByPath(path: Buffer, metadata: Metadata): BigIntStats {
    return this.#writing(() => {
      attempt(() => lchownSync(path, metadata.uid, metadata.gid))
      if (!lstatSync(path).isSymbolicLink()) attempt(() => chmodSync(path, metadata.mode))
      attempt(() => setLinkTime(path, metadata.mtimeNs))
      return this.#compared(lstatSync(path, { bigint: true }), metadata)
    })
  }

  /** What is there counts, not what was asked for: file systems round times, and only root gives files away. */
  #compared(stat: BigIntStats, wanted: Metadata): BigIntStats {
    if (Number(stat.uid) !== wanted.uid || Number(stat.gid) !== wanted.gid) this.#lose('owner')
    if (!stat.isSymbolicLink() && Number(stat.mode & 0o7777n) !== wanted.mode) this.#lose('mode')
    if (stat.mtimeNs !== wanted.mtimeNs) this.#lose('time')
    return stat
  }

  #lose(what: string): void {
    this.#lost.set(what, (this.#lost.get(what) ?? 0) + 1)
  }

  /** Calls with a path to an entry made before, however long its name is: the kernel takes at most 4,095 bytes at once. */
  #reaching(name: string, call: (path: string) => void, from = this.#root.reach): void {
    const cut = name.length < 3000 ? -1 : name.lastIndexOf('/', 3000)
    if (cut < 0) return call(`${from}/${name}`)
    const folder = openFolder(`${from}/${name.slice(0, cut)}`, '', constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      this.#reaching(name.slice(cut + 1), call, folder.reach)
    } finally {
      closeSync(folder.fd)
    }
  }

  #writing<T>(call: () => T): T {
    return writing(this.#path, call)
  }
}

/** <sys/stat.h> */
const specialModes = { fifo: 0o010000, characterDevice: 0o020000, blockDevice: 0o060000 } as const

function ownerOf({ uid, gid }: BigIntStats): { uid: number; gid: number } {
  return { uid: Number(uid), gid: Number(gid) }
}

function isAs({ mode, uid, gid, mtimeNs }: Metadata, stat: BigIntStats): boolean {
  const isOwned = Number(stat.uid) === uid && Number(stat.gid) === gid
  return isOwned && Number(stat.mode & 0o7777n) === mode && stat.mtimeNs === mtimeNs
}

function attempt(call: () => void): boolean {
  try {
    call()
    return true
  } catch {
    return false // the comparison afterwards tells what was lost
  }
}

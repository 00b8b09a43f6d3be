// Hands what the walk found to the writer of a folder backup, one entry at a time, and tells what became of each.
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs'
import type { FileState } from './file-state.ts'
import type { FolderWriter, Metadata, SpecialKind } from './folder-writer.ts'
import { EngineError, type PackResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Remarks } from './remarks.ts'
import { attributesOf } from './system-calls.ts'
import { bytes } from './names.ts'
import type { Found } from './walk.ts'
import { reasonOf } from './words.ts'

export class Entries {
  readonly counts = { files: 0, directories: 0, others: 0, bytes_read: 0 } satisfies Partial<PackResult>
  written = 0
  /** First name of each file with further names still to come. */
  readonly #names = new Map<string, { name: string; more: number }>()
  readonly #writer: FolderWriter
  readonly #remarks: Remarks
  readonly #pulse: Pulse

  constructor(writer: FolderWriter, remarks: Remarks, pulse: Pulse) {
    this.#writer = writer
    this.#remarks = remarks
    this.#pulse = pulse
  }

  async add({ name, path, stat }: Found): Promise<void> {
    if (stat.isDirectory()) {
      this.#writer.folder(name, { ...metadataOf(stat), attributes: attributesOfFolder(path) })
      this.written++
      this.counts.directories++
    } else if (stat.isSocket()) {
      this.#remarks.note(name, 'is a socket, which archives do not keep')
    } else if (this.#addFurtherName(name, stat)) {
      this.counts[stat.isFile() ? 'files' : 'others']++
    } else if (stat.isFile()) {
      await this.#addFile(name, path)
    } else if (stat.isSymbolicLink()) {
      this.#addSymlink(name, path, stat)
    } else {
      this.#addSpecial(name, stat)
    }
    this.#pulse.files = this.counts.files
  }

  #addFurtherName(name: string, stat: FileState): boolean {
    if (stat.nlink === 1n) return false
    const known = this.#names.get(identity(stat))
    if (!known) return false
    this.#writer.hardLink(name, known.name)
    this.written++
    if (--known.more === 0) this.#names.delete(identity(stat))
    return true
  }

  #wrote(name: string, stat: FileState): void {
    this.written++
    if (stat.nlink > 1n) this.#names.set(identity(stat), { name, more: Number(stat.nlink) - 1 })
  }

  #addSymlink(name: string, path: string, stat: FileState): void {
    let target: string
    try {
      target = readlinkSync(bytes(path), 'latin1')
    } catch (error) {
      return this.#remarks.notRead(name, error as NodeJS.ErrnoException)
    }
    this.#writer.symlink(name, metadataOf(stat), target)
    this.#wrote(name, stat)
    this.counts.others++
  }

  #addSpecial(name: string, stat: FileState): void {
    try {
      this.#writer.special(name, metadataOf(stat), specialKind(stat), stat.rdev)
    } catch (error) {
      if (error instanceof EngineError) throw error
      return this.#remarks.notMade(name, error)
    }
    this.#wrote(name, stat)
    this.counts.others++
  }

  async #addFile(name: string, path: string): Promise<void> {
    let fd: number
    try {
      // O_NONBLOCK: should a FIFO have taken its place, opening it must not wait for a writer
      fd = openSync(bytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      return this.#remarks.notRead(name, error as NodeJS.ErrnoException)
    }
    try {
      const before = fstatSync(fd, { bigint: true })
      if (!before.isFile()) return this.#remarks.replaced(name)
      const size = Number(before.size)
      const metadata = { ...metadataOf(before), attributes: attributesOf(fd) }
      this.#writer.beginFile(name, metadata, size, before.blocks * 512n < before.size)
      this.#wrote(name, before)
      this.counts.files++
      this.counts.bytes_read += size
      const { read, error } = await this.#copy(fd, size)
      if (error !== undefined) this.#remarks.notReadWholly(name, read, size, error)
      else this.#tellChange(name, before, fstatSync(fd, { bigint: true }), read)
    } catch (error) {
      // fstat fails where a network file system has lost the file
      if (error instanceof EngineError) throw error
      this.#remarks.changedWhileRead(name, `its state cannot be read: ${reasonOf(error)}`)
    } finally {
      closeSync(fd)
    }
  }

  /** Exactly `size` bytes go out, whatever the file has become. */
  async #copy(fd: number, size: number): Promise<{ read: number; error?: unknown }> {
    let read = 0
    let failure: { error?: unknown } | undefined
    while (read < size && !failure) {
      try {
        const length = this.#writer.readFrom(fd, size - read)
        if (length === 0) failure = {}
        read += length
        this.#pulse.bytes += length
      } catch (error) {
        if (error instanceof EngineError) throw error
        failure = { error }
      }
      await this.#pause()
    }
    for (let missing = size - read; missing > 0;) {
      missing -= this.#writer.zeros(missing)
      await this.#pause()
    }
    this.#writer.endFile()
    return { read, ...failure }
  }

  #tellChange(name: string, before: FileState, after: FileState, read: number): void {
    if (after.size > before.size) {
      const text = `grew from ${before.size} to ${after.size} bytes while it was read; the archive holds the first ${before.size}`
      this.#remarks.changedWhileRead(name, text)
    } else if (read < before.size) {
      const text = `shrank from ${before.size} to ${read} bytes while it was read; the rest is zeros in the archive`
      this.#remarks.changedWhileRead(name, text)
    } else if (after.size !== before.size || after.mtimeNs !== before.mtimeNs || after.ctimeNs !== before.ctimeNs) {
      this.#remarks.changedWhileRead(name, 'changed while it was read; the archive may hold a mixture of old and new')
    }
  }

  async #pause(): Promise<void> {
    if (this.#pulse.due()) await this.#pulse.beat()
  }
}

/** The time of birth tells a file from a later one that got the same inode number while we packed. */
function identity(stat: FileState): string {
  return `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`
}

function metadataOf(stat: FileState): Metadata {
  return { mode: Number(stat.mode & 0o7777n), uid: Number(stat.uid), gid: Number(stat.gid), mtimeNs: stat.mtimeNs }
}

/** One that cannot be opened any more is kept without; what is in it is told of elsewhere. */
function attributesOfFolder(path: string): [string, Buffer][] {
  let fd: number
  try {
    fd = openSync(bytes(path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch {
    return []
  }
  try {
    return attributesOf(fd)
  } finally {
    closeSync(fd)
  }
}

function specialKind(stat: FileState): SpecialKind {
  if (stat.isFIFO()) return 'fifo'
  return stat.isBlockDevice() ? 'blockDevice' : 'characterDevice'
}

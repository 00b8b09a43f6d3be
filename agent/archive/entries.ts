// Hands what the walk found to the writer of a folder backup, one entry at a time, and tells what became of each.
import { closeSync, constants, openSync, readlinkSync } from 'node:fs'
import type { EarlierFolder } from './earlier-folder.ts'
import { lineOf, reread } from './entry-line.ts'
import type { FileState } from './file-state.ts'
import { provesSameness } from './file-systems.ts'
import type { FolderIndexWriter } from './folder-index.ts'
import type { FolderWriter, Metadata, SpecialKind } from './folder-writer.ts'
import { nothingMade } from './frame-jobs.ts'
import { EngineError, type PackResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { look, lookAgain, seenOf, type Opened } from './read-file.ts'
import type { Remarks } from './remarks.ts'
import { attributesOf } from './system-calls.ts'
import { bytes } from './names.ts'
import type { Found } from './walk.ts'
import { reasonOf } from './words.ts'

export interface EntriesTools {
  writer: FolderWriter
  /** Unchanged files are taken over from there. */
  earlier: EarlierFolder | null
  index: FolderIndexWriter
  remarks: Remarks
  pulse: Pulse
}

export class Entries {
  readonly counts = {
    files: 0,
    directories: 0,
    others: 0,
    content_bytes: 0,
    bytes_read: 0,
    reused_bytes: 0,
  } satisfies Partial<PackResult>
  written = 0
  /** First name of each file with further names still to come. */
  readonly #names = new Map<string, { name: string; more: number }>()
  readonly #writer: FolderWriter
  readonly #earlier: EarlierFolder | null
  readonly #index: FolderIndexWriter
  readonly #remarks: Remarks
  readonly #pulse: Pulse
  /** Whether any file is read every time. */
  doubts = false

  constructor({ writer, earlier, index, remarks, pulse }: EntriesTools) {
    this.#writer = writer
    this.#earlier = earlier
    this.#index = index
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
      if (!this.#takeOver(name, path, stat)) await this.#addFile(name, path, stat.dev)
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

  #takeOver(name: string, path: string, stat: FileState): boolean {
    if (!this.#earlier) return false
    const line = this.#lineOf(name, path, stat)
    const known = this.#earlier.files.meet(name, line)
    const size = Number(stat.size)
    if (!known) return false
    if (!this.#writer.takeOver(name, metadataOf(stat), size, known.content, this.#earlier)) return false
    const taken = known.taken || !this.#earlier.givesUp
    this.#index.add(line, { content: known.content, taken })
    this.#wrote(name, stat)
    this.counts.files++
    this.counts.content_bytes += size
    if (taken) this.counts.reused_bytes += size
    this.#pulse.bytes = this.counts.content_bytes
    return true
  }

  async #addFile(name: string, path: string, dev: bigint): Promise<void> {
    let fd: number
    try {
      // O_NONBLOCK: should a FIFO have taken its place, opening it must not wait for a writer
      fd = openSync(bytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      return this.#remarks.notRead(name, error as NodeJS.ErrnoException)
    }
    try {
      const opened = look(fd, dev)
      const { before } = opened
      if (!before.isFile()) return this.#remarks.replaced(name)
      const size = Number(before.size)
      const metadata = { ...metadataOf(before), attributes: attributesOf(fd) }
      this.#writer.beginFile(name, metadata, size, before.blocks * 512n < before.size)
      this.#wrote(name, before)
      this.counts.files++
      this.#pulse.bytes = this.counts.content_bytes // and not what an earlier pass has told
      this.counts.content_bytes += size
      this.counts.bytes_read += size
      const { read, content, error } = await this.#copy(fd, size)
      const line = this.#lineOf(name, path, before)
      const isSteady = error === undefined && this.#isSteady(name, opened, size, read)
      if (error !== undefined) this.#remarks.notReadWholly(name, read, size, error)
      this.#index.add(isSteady ? line : reread(line), { content, taken: false })
    } catch (error) {
      // fstat fails where a network file system has lost the file
      if (error instanceof EngineError) throw error
      this.#remarks.changedWhileRead(name, `its state cannot be read: ${reasonOf(error)}`)
    } finally {
      closeSync(fd)
    }
  }

  /** Whether the next look at it can trust its times; tells what changed while it was read. */
  #isSteady(name: string, opened: Opened, size: number, read: number): boolean {
    const made = nothingMade()
    lookAgain(opened, { ...seenOf(opened.before), size }, 0, size, read, made)
    for (const fault of made.faults) if (fault.what === 'changed') this.#remarks.changedWhileRead(name, fault.text)
    return made.reread.length === 0
  }

  #lineOf(name: string, path: string, stat: FileState): string {
    const line = lineOf({ kind: 'file', name, root: '', below: '', ...seenOf(stat) })
    if (provesSameness(stat.dev, path)) return line
    this.doubts = true
    return reread(line)
  }

  /** Exactly `size` bytes go out, whatever the file has become. */
  async #copy(fd: number, size: number): Promise<{ read: number; content: string; error?: unknown }> {
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
    return { read, content: this.#writer.endFile(), ...failure }
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

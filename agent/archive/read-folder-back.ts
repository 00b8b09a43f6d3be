// Reads a folder backup back: every name, all metadata, all content, into the hash that its writer computed.
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { entriesOf, ownFolders } from './folder-backup.ts'
import type { FileState } from './file-state.ts'
import { EngineError, type VerifyResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { syncFileSystem } from './system-calls.ts'
import { FolderStack, TreeHash } from './tree-hash.ts'
import { bytes } from './names.ts'
import type { Found } from './walk.ts'
import { printable, reasonOf, writeFailure } from './words.ts'

/** `flush`: it was written just now. */
export async function readFolderBack(
  folder: string,
  flush: boolean,
  pulse: Pulse,
): Promise<Omit<VerifyResult, 'index'>> {
  if (flush) flushAll(folder)
  const reader = new FolderReader(pulse)
  let at = folder
  try {
    for (const found of entriesOf(folder)) {
      at = `${folder}/${printable(found.name)}`
      if ('error' in found) throw found.error
      await reader.add(found)
    }
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    throw new EngineError(code, `${at} cannot be read back: ${reasonOf(error)}`)
  }
  return reader.end()
}

/** One call for all: an fsync for each of many thousand files would take minutes on a slow disk. */
function flushAll(folder: string): void {
  try {
    const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      syncFileSystem(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', writeFailure(folder, error))
  }
}

class FolderReader {
  readonly #pulse: Pulse
  readonly #tree = new TreeHash()
  readonly #folders = new FolderStack<Found>(({ name, stat }) => this.#tree.add(name, stat))
  /** First names of files with several. */
  readonly #names = new Map<string, string>()
  readonly #buffer = Buffer.allocUnsafe(1024 * 1024)
  #entries = 0
  #bytes = 0

  constructor(pulse: Pulse) {
    this.#pulse = pulse
  }

  async add(found: Found): Promise<void> {
    const { name, path, stat } = found
    this.#folders.leaveAllButThoseAbove(name)
    if (stat.isDirectory()) this.#folders.enter(found)
    else await this.#addOther(name, path, stat)
    if (!ownFolders.includes(name)) this.#entries++
    this.#pulse.files = this.#entries
    if (this.#pulse.due()) await this.#pulse.beat()
  }

  end(): Omit<VerifyResult, 'index'> {
    this.#folders.leaveAll()
    const bytes = { content_bytes: this.#bytes, size_bytes: this.#bytes }
    return { entry_count: this.#entries, ...bytes, sha256: this.#tree.digest() }
  }

  async #addOther(name: string, path: string, stat: FileState): Promise<void> {
    const identity = `${stat.dev}:${stat.ino}`
    const first = stat.nlink > 1n ? this.#names.get(identity) : undefined
    if (first !== undefined) return this.#tree.addFurtherName(name, first)
    if (stat.nlink > 1n) this.#names.set(identity, name)
    if (stat.isFile()) await this.#addFile(name, path)
    else this.#tree.add(name, stat, stat.isSymbolicLink() ? { target: readlinkSync(bytes(path), 'latin1') } : {})
  }

  async #addFile(name: string, path: string): Promise<void> {
    const fd = openSync(bytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const hash = createHash('sha256')
      for (let length = -1; length !== 0;) {
        length = readSync(fd, this.#buffer, 0, this.#buffer.length, null)
        hash.update(this.#buffer.subarray(0, length))
        this.#bytes += length
        this.#pulse.bytes = this.#bytes
        if (this.#pulse.due()) await this.#pulse.beat()
      }
      this.#tree.add(name, fstatSync(fd, { bigint: true }), { content: hash.digest('hex') })
    } finally {
      closeSync(fd)
    }
  }
}

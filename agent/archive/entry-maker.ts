// Makes single entries below a folder. Files stay open for their content.
import {
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { Destination, Refused } from './destination.ts'
import { FileContent } from './file-content.ts'
import { setByDescriptor, setOfLink, setOfSpecial, type Lost } from './set-metadata.ts'
import { makeSpecial, writeBehind } from './system-calls.ts'
import type { TarHead } from './tar-head.ts'
import { bytes } from './names.ts'

export interface EntryMakerOptions {
  /** An open folder, which stays its owner's. */
  root: number
  /** Replaces what is there, but for folders that are not empty. */
  overwrite: boolean
  /** For tars whose folders come before what is in them. */
  keepTimes: boolean
  /** What leads to no folder of the backup but to a part of it, and is made as any folder is. */
  leadsTo(name: string): boolean
}

export interface OpenFile {
  head: TarHead
  parts: string[]
  fd: number
  content: FileContent
}

/** <sys/stat.h> */
const specialModes = { fifo: 0o010000, characterDevice: 0o020000, blockDevice: 0o060000 } as const
const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const defaultAcl = 'SCHILY.acl.default'
const isRoot = process.getuid?.() === 0

/** All of it throws Refused, Malformed or a system error where an entry cannot be made. */
export class EntryMaker {
  lost: Lost = new Map()
  readonly #options: EntryMakerOptions
  readonly #to: Destination
  readonly #from: Destination
  /** Folders that were made without their entry. */
  readonly #unset = new Set<string>()
  /** Folders that get what they are to have once all is in them. */
  readonly #changedLater: [parts: string[], head: TarHead][] = []

  constructor(options: EntryMakerOptions) {
    this.#options = options
    const { root, keepTimes } = options
    this.#to = new Destination(root, { keepTimes, madeOnTheWay: (name) => this.#modeOnTheWay(name) })
    this.#from = new Destination(root, { keepTimes: false, madeOnTheWay: () => 0o700 })
  }

  folder(parts: string[], head: TarHead): void {
    if (parts.length > 0) {
      const place = this.#to.place(parts)
      const found = lstatSync(place, { throwIfNoEntry: false })
      if (found && !found.isDirectory()) {
        if (!this.#options.overwrite) throw new Refused('something that is no folder is there already')
        unlinkSync(place)
      }
      if (!found?.isDirectory()) mkdirSync(place, 0o700)
    }
    this.#unset.delete(parts.join('/'))
    const early = this.#whileFilled(head)
    if (early !== head) this.#changedLater.push([parts, head])
    this.#inFolder(parts, (fd) => setByDescriptor(fd, early, early === head ? this.lost : new Map()))
  }

  symlink(parts: string[], head: TarHead): void {
    const place = this.#freePlace(parts)
    symlinkSync(bytes(head.linkname), place)
    setOfLink(place, head, this.lost)
  }

  special(parts: string[], head: TarHead & { kind: keyof typeof specialModes }): void {
    const place = this.#freePlace(parts)
    makeSpecial(place, specialModes[head.kind] | 0o600, head.rdev)
    setOfSpecial(place, head, this.lost)
  }

  hardLink(parts: string[], first: string[]): void {
    linkSync(this.#from.find(first), this.#freePlace(parts))
  }

  /** Throws where it is not there. */
  expect(parts: string[]): void {
    lstatSync(this.#from.find(parts))
  }

  /** Its content is then for `write`, and `endFile` or `dropFile` closes it. */
  beginFile(parts: string[], head: TarHead): OpenFile {
    const content = new FileContent(head)
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    return { head, parts, content, fd: openSync(this.#freePlace(parts), flags, 0o600) }
  }

  endFile({ fd, content, head }: OpenFile): void {
    if (head.sparse) ftruncateSync(fd, content.size)
    setByDescriptor(fd, head, this.lost)
    closeSync(fd)
  }

  /** It cannot be brought to its end: it goes. */
  dropFile({ fd, parts }: OpenFile): void {
    closeSync(fd)
    unlinkSync(this.#to.place(parts))
  }

  /** Closes the folders that were kept open for what might follow. */
  leave(): void {
    this.#to.leave()
    this.#from.leave()
  }

  /** Call once, after the last entry. */
  end(): void {
    for (const name of this.#unset) this.#inFolder(name.split('/'), (fd) => fchmodSync(fd, 0o777 & ~process.umask()))
    for (const [parts, head] of this.#changedLater.toReversed())
      this.#inFolder(parts, (fd) => setByDescriptor(fd, head, this.lost))
    this.leave()
  }

  /** What a folder is to be as long as something may be put in it. */
  #whileFilled(head: TarHead): TarHead {
    // others than root would keep themselves out
    const shutsOut = !isRoot && (head.mode & 0o300) !== 0o300
    // what is made in it would inherit this
    const givesOn = this.#options.keepTimes && head.records.some(([key]) => key === defaultAcl)
    if (!shutsOut && !givesOn) return head
    const records = head.records.filter(([key]) => !givesOn || key !== defaultAcl)
    return { ...head, records, mode: shutsOut ? head.mode | 0o700 : head.mode }
  }

  #modeOnTheWay(name: string): number {
    if (this.#options.leadsTo(name)) return 0o777
    if (this.#options.keepTimes) this.#unset.add(name)
    return 0o700
  }

  #inFolder(parts: string[], work: (fd: number) => void): void {
    const path = parts.length === 0 ? `/proc/self/fd/${this.#options.root}/.` : this.#to.place(parts)
    const fd = openSync(path, folderFlags)
    try {
      work(fd)
    } finally {
      closeSync(fd)
    }
  }

  /** Where an entry may be made; frees the place if it may. */
  #freePlace(parts: readonly string[]): Buffer {
    const place = this.#to.place(parts)
    if (!this.#options.overwrite) return place
    const found = lstatSync(place, { throwIfNoEntry: false })
    if (found?.isDirectory()) rmdirSync(place)
    else if (found) unlinkSync(place)
    return place
  }
}

/** The kernel alone would begin to write when a tenth of its memory waits for that, or someone for everything. */
const worthWritingBehind = 64 * 1024

export function writeAt(fd: number, data: Buffer, offset: number): void {
  for (let done = 0; done < data.length;) done += writeSync(fd, data, done, data.length - done, offset + done)
  if (data.length >= worthWritingBehind) writeBehind(fd, offset, data.length)
}

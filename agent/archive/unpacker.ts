// Makes of the entries of a tar what they were, below a folder. An entry that cannot be made, or would lead elsewhere, is told, and the
// next goes on.
import { Refused } from './destination.ts'
import { EntryMaker, writeAt, type EntryMakerOptions, type OpenFile } from './entry-maker.ts'
import { ownFolders } from './folder-backup.ts'
import { EngineError } from './protocol.ts'
import { partsOf, type Selection } from './selection.ts'
import type { Lost } from './set-metadata.ts'
import type { TarTaker } from './tar-entries.ts'
import type { TarHead } from './tar-head.ts'
import { Malformed } from './malformed.ts'
import { reasonOf, writeFailure } from './words.ts'

/** What became of entries. */
export interface Unpacked {
  /** Of any kind. */
  entries: number
  files: number
  /** Of the content of files, without holes. */
  bytes: number
  /** Entries that were not made; names as latin1. */
  faults: { name: string; text: string }[]
  lost: Lost
}

export type UnpackerOptions = Omit<EntryMakerOptions, 'leadsTo'> & { selection: Selection }

export class Unpacker implements TarTaker {
  /** Names under which the content of others is wanted: of hard links whose first name is not. */
  aliases: ReadonlyMap<string, string> = new Map()
  /** Hard links to names that were not wanted, by those: their content has to be had once more. */
  readonly orphans = new Map<string, string[]>()
  readonly #selection: Selection
  readonly #maker: EntryMaker
  #done = nothingUnpacked()
  #file: OpenFile | undefined

  constructor({ selection, ...options }: UnpackerOptions) {
    this.#selection = selection
    const leadsTo = (name: string) => selection.leadsTo(name) || ownFolders.includes(name)
    this.#maker = new EntryMaker({ ...options, leadsTo })
  }

  entry(head: TarHead): void {
    const parts = this.#wantedParts(head)
    if (parts) this.#attempt(head.name, () => this.#make(head, parts))
  }

  content(piece: Buffer): void {
    const file = this.#file
    if (!file) return
    this.#attempt(file.head.name, () => file.content.push(piece, (data, offset) => writeAt(file.fd, data, offset)))
  }

  complete(): void {
    const file = this.takeFile()
    if (file) this.endFile(file)
  }

  /** The file that was begun last, for others to write and to end. */
  takeFile(): OpenFile | undefined {
    const file = this.#file
    this.#file = undefined
    return file
  }

  endFile(file: OpenFile): void {
    if (!file.content.extents) return this.dropFile(file, new Malformed('the tar has a sparse file without its map'))
    try {
      this.#maker.endFile(file)
    } catch (error) {
      return this.dropFile(file, error)
    }
    this.#done.files++
    this.#done.entries++
    this.#done.bytes += file.content.stored
  }

  /** Removes what of a file is there, and tells why. */
  dropFile(file: OpenFile, error: unknown): void {
    this.fault(file.head.name, error)
    try {
      this.#maker.dropFile(file)
    } catch {
      // what counts is told
    }
  }

  /** Throws an EngineError where no other entry would fare better. */
  fault(name: string, error: unknown): void {
    throwHopeless(error)
    const { code = '' } = error as NodeJS.ErrnoException
    this.#done.faults.push({ name, text: reasons[code] ?? reasonOf(error) })
  }

  /** Makes further names of an orphan whose content was had as its first one. */
  join([first = '', ...further]: string[]): void {
    this.#attempt(first, () => this.#maker.expect(partsOf(first) ?? []))
    for (const name of further)
      this.#attempt(name, () => {
        this.#maker.hardLink(partsOf(name) ?? [], partsOf(first) ?? [])
        this.#done.entries++
      })
  }

  /** What became of the entries since it was last asked. */
  taken(): Unpacked {
    const done = { ...this.#done, lost: this.#maker.lost }
    this.#done = nothingUnpacked()
    this.#maker.lost = new Map()
    return done
  }

  /** Closes what is open between entries. */
  leave(): void {
    this.#maker.leave()
  }

  /** Call after the last entry. */
  end(): void {
    const file = this.takeFile()
    if (file) this.dropFile(file, new Malformed('the backup ends within it'))
    this.#attempt('', () => this.#maker.end())
  }

  #make(head: TarHead, parts: string[]): void {
    switch (head.kind) {
      case 'file':
        this.#file = this.#maker.beginFile(parts, head)
        return
      case 'hardLink':
        if (!this.#makeHardLink(head, parts)) return
        break
      case 'directory':
        this.#maker.folder(parts, head)
        break
      case 'symlink':
        this.#maker.symlink(parts, head)
        break
      case 'unknown':
        throw new Refused('it is of a kind that is not known')
      default:
        this.#maker.special(parts, { ...head, kind: head.kind })
    }
    this.#done.entries++
  }

  /** False when its content is yet to be had. */
  #makeHardLink(head: TarHead, parts: string[]): boolean {
    const target = this.aliases.get(head.linkname) ?? head.linkname
    const first = partsOf(target)
    if (!first || first.length === 0)
      throw new Refused('it is a link to what lies outside of the folder that is unpacked into')
    if (!this.#selection.has(target)) {
      this.orphans.set(target, [...(this.orphans.get(target) ?? []), head.name])
      return false
    }
    this.#maker.hardLink(parts, first)
    return true
  }

  /** Null where it is not wanted, or refused. */
  #wantedParts(head: TarHead): string[] | null {
    const name = this.aliases.get(head.name) ?? head.name
    if (!this.#selection.has(name) && !this.aliases.has(head.name)) return null
    // it stands there already, as the content it is a link to
    if (head.kind === 'hardLink' && this.aliases.get(head.linkname) === name) return null
    const parts = partsOf(name)
    if (parts && (parts.length > 0 || head.kind === 'directory')) return parts
    this.fault(name, new Refused('its name leads out of the folder that is unpacked into'))
    return null
  }

  #attempt(name: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      const file = this.takeFile()
      if (file) this.dropFile(file, error)
      else this.fault(name, error)
    }
  }
}

/** Throws an EngineError where no other entry would fare better. */
export function throwHopeless(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS')
    throw error instanceof EngineError ? error : new EngineError(code, writeFailure('what is unpacked', error))
}

const reasons: Record<string, string> = {
  EEXIST: 'something is there already',
  ENOTEMPTY: 'a folder with something in it is there already',
}

export function nothingUnpacked(): Unpacked {
  return { entries: 0, files: 0, bytes: 0, faults: [], lost: new Map() }
}

export function addUnpacked(sum: Unpacked, more: Unpacked): void {
  sum.entries += more.entries
  sum.files += more.files
  sum.bytes += more.bytes
  sum.faults.push(...more.faults)
  for (const [what, count] of more.lost) sum.lost.set(what, (sum.lost.get(what) ?? 0) + count)
}

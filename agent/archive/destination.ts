// The folder that is unpacked into. Every entry is reached through open folders, one name at a time and never through a link, so
// nothing that a backup holds, and nothing that lay there before, leads elsewhere.
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync } from 'node:fs'
import { setTime } from './system-calls.ts'
import { bytes } from './names.ts'

interface Step {
  base: string
  fd: number
  /** When it was last changed before it was opened here; null where that is of no matter. */
  mtimeNs: bigint | null
}

/** Why an entry cannot be made where it should be, in words. */
export class Refused extends Error {
  override name = 'Refused'
}

export interface DestinationOptions {
  /** What is made in a folder moves its time; this puts it back. For tars whose folders come first. */
  keepTimes: boolean
  /** Told each folder that is made on the way to something in it. Returns its mode. */
  madeOnTheWay(name: string): number
}

/** Parts of names are bytes as latin1. */
export class Destination {
  readonly root: number
  readonly #options: DestinationOptions
  /** Open, one in the other. */
  readonly #steps: Step[] = []

  /** `root` is an open folder, and stays its owner's. */
  constructor(root: number, options: DestinationOptions) {
    this.root = root
    this.#options = options
  }

  /** A path by which to make or find an entry, valid until the next call. Makes folders on the way. Throws Refused or a system error. */
  place(parts: readonly string[]): Buffer {
    const fd = this.#folder(parts, parts.length - 1, true)
    return bytes(`/proc/self/fd/${fd}/${parts.at(-1)}`)
  }

  /** The same, and makes nothing. */
  find(parts: readonly string[]): Buffer {
    const fd = this.#folder(parts, parts.length - 1, false)
    return bytes(`/proc/self/fd/${fd}/${parts.at(-1)}`)
  }

  /** Closes all but `depth` folders. */
  leave(depth = 0): void {
    for (let step = this.#steps[depth]; step !== undefined; step = this.#steps[depth]) {
      const last = this.#steps.pop() ?? step
      try {
        if (last.mtimeNs !== null) setTime(last.fd, last.mtimeNs)
      } catch {
        // somebody else's folder; its own entry, if there is one, tells
      } finally {
        closeSync(last.fd)
      }
    }
  }

  #folder(parts: readonly string[], depth: number, make: boolean): number {
    let common = 0
    while (common < depth && this.#steps[common]?.base === parts[common]) common++
    this.leave(common)
    for (let at = common; at < depth; at++) this.#steps.push(this.#open(parts, at, make))
    return this.#steps[depth - 1]?.fd ?? this.root
  }

  #open(parts: readonly string[], at: number, make: boolean): Step {
    const base = parts[at] ?? ''
    const path = bytes(`/proc/self/fd/${this.#steps[at - 1]?.fd ?? this.root}/${base}`)
    let isNew = false
    for (;;) {
      try {
        const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
        const wanted = this.#options.keepTimes && !isNew
        return { base, fd, mtimeNs: wanted ? fstatSync(fd, { bigint: true }).mtimeNs : null }
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'ENOENT' || !make || isNew)
          throw inTheWay(error as NodeJS.ErrnoException, path, parts.slice(0, at + 1))
      }
      try {
        mkdirSync(path, this.#options.madeOnTheWay(parts.slice(0, at + 1).join('/')))
      } catch (error) {
        // another thread was quicker
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      isNew = true
    }
  }
}

function inTheWay(error: NodeJS.ErrnoException, path: Buffer, parts: string[]): Error {
  if (error.code !== 'ENOTDIR' && error.code !== 'ELOOP') return error
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()
  const what = isLink ? 'a symbolic link, which is not followed,' : 'something that is no folder'
  return new Refused(`${what} stands in its way at ${parts.join('/')}`)
}

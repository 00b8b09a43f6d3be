// The folders a backup is made of: opened once, so that a volume that is unmounted meanwhile stays readable, and walked as often as
// it takes.
import { closeSync, constants, openSync, statSync, type BigIntStats } from 'node:fs'
import type { Exclusion } from './exclude.ts'
import { ownFolders } from './folder-backup.ts'
import { EngineError, type Source } from './protocol.ts'
import type { Remarks } from './remarks.ts'
import { bytes, latin1 } from './names.ts'
import { openFolder, throughDescriptors, walk, type Found, type Unvisited } from './walk.ts'
import { reasonOf } from './words.ts'

export interface Root {
  fd: number
  /** Its name in the tar; bytes as latin1. */
  name: string
  /** Where it is found, whatever becomes of its path. */
  reach: string
}

export interface Ground extends Disposable {
  roots: Root[]
  /** Folders and files by identity that are left out, however reached. */
  excluded: BigIntStats[]
}

/** Throws an EngineError when a source that is not optional cannot be read. */
export function openGround(sources: Source[], exclude: string[], remarks: Remarks): Ground {
  const roots: Root[] = []
  const ground = {
    roots,
    excluded: exclude.map(identityOf).filter((stat) => stat !== undefined),
    [Symbol.dispose]: () => roots.forEach(({ fd }) => closeSync(fd)),
  }
  for (const source of sources) {
    try {
      const fd = openSync(bytes(latin1(source.path)), constants.O_RDONLY | constants.O_DIRECTORY)
      const reach = throughDescriptors ? `/proc/self/fd/${fd}` : latin1(source.path)
      roots.push({ fd, name: latin1(source.prefix), reach })
    } catch (error) {
      const text = `the folder ${source.path} cannot be read: ${reasonOf(error)}`
      if (!source.optional) {
        ground[Symbol.dispose]()
        throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', text)
      }
      remarks.note(latin1(source.prefix), text)
    }
  }
  return ground
}

/** `root` is the one it was found in. */
export type FoundIn = { root: Pick<Root, 'name' | 'reach'> } & (Found | Unvisited)

export function* walkAll({ roots, excluded }: Ground, exclusion: Exclusion): Generator<FoundIn, void, void> {
  for (const root of roots) {
    const above = root.name.length + 1
    const open = openFolder(`${root.reach}/.`, root.name, constants.O_DIRECTORY)
    const all = walk(open, (name, stat) => {
      if (excluded.some((other) => other.ino === stat.ino && other.dev === stat.dev)) return true
      return exclusion.leavesOut(name.slice(above), stat.isDirectory())
    })
    for (const found of all) yield Object.assign(found, { root })
  }
}

/** A folder backup has folders of its own beside those of the sources. */
export function refuseOwnNames(sources: Source[], further: string[]): void {
  const own = sources.find(({ prefix }) => [...ownFolders, ...further].includes(prefix))
  if (own)
    throw new EngineError('EEXIST', `a folder backup needs the name ${own.prefix} for itself: choose another format`)
}

export function identityOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

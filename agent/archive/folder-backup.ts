// What a folder backup holds, in the order in which all formats have it: the stack, then `_volumes`, then `_archive`.
import { closeSync, constants, lstatSync, readdirSync } from 'node:fs'
import { bytes, latin1 } from './names.ts'
import { openFolder, walk, type Found, type Unvisited } from './walk.ts'

/** Folders that belong to no source. In a tar they are but part of names. */
export const ownFolders = ['_volumes', '_archive']

/** Throws the system's error when the folder itself cannot be read. */
export function* entriesOf(folder: string): Generator<Found | Unvisited, void, void> {
  const top = openFolder(latin1(folder), '', constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const names = readdirSync(bytes(top.reach), 'latin1').sort()
    const others = names.filter((name) => !ownFolders.includes(name))
    for (const name of [...others, ...ownFolders.filter((own) => names.includes(own))]) {
      const path = `${top.reach}/${name}`
      const stat = lstatSync(bytes(path), { bigint: true })
      if (!stat.isDirectory()) yield { name, path, stat }
      else yield* walk(openFolder(path, name, constants.O_DIRECTORY | constants.O_NOFOLLOW), () => false)
    }
  } finally {
    closeSync(top.fd)
  }
}

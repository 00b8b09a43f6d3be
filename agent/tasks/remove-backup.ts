// Takes a backup away for good, with its index; never half of one under its name.
import type { Stats } from 'node:fs'
import { lstat, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { indexPathOf } from '../archive/index-path.ts'
import { syncFolder } from '../durable.ts'
import { removeTree } from '../remove-tree.ts'
import { partialName } from './backup-path.ts'

/** A folder first loses its name: one that is half gone must not look like a backup. */
export async function removeBackup(file: string, found: Stats, taskId: number): Promise<void> {
  const folder = dirname(file)
  if (found.isDirectory()) {
    const hidden = join(folder, partialName(basename(file), taskId))
    await removeTree(hidden)
    await rename(file, hidden)
    await syncFolder(folder)
    await removeTree(hidden)
  } else await rm(file, { force: true })
  await rm(indexPathOf(file), { force: true })
  await syncFolder(folder)
}

/** What deleting it frees: files of a folder backup that another one shares by hard links are not freed. */
export async function bytesOf(file: string, found: Stats): Promise<number> {
  if (!found.isDirectory()) return found.size
  let bytes = 0
  // names are bytes and need not be UTF-8
  for (const folders = [Buffer.from(file)], slash = Buffer.from('/'); folders.length > 0;) {
    const folder = folders.pop() as Buffer
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([folder, slash, entry.name])
      if (entry.isDirectory()) folders.push(path)
      else bytes += await lstat(path).then(({ nlink, size }) => (nlink === 1 ? size : 0))
    }
  }
  return bytes
}

// Where a backup lies. The path comes from a server that is not trusted with it: only what we would have made
// ourselves is a backup, and no link leads anywhere else.
import type { Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { KnownBackup } from 'db/domain/task'
import { codeOf } from '../durable.ts'
import { reasonOf } from '../archive/words.ts'
import { parseBackupPath } from './backup-path.ts'

export interface Place {
  /** Below the archives folder. */
  path: string
  /** The folder of this stack's backups, absolute. */
  folder: string
  file: string
  name: string
  stack: string
  /** Null when it is surely not there. */
  found: Stats | null
}

export const trashFolder = '.trash'

/** Throws, in words, for anything that is not the path of a backup, and when its disk may be away. */
export async function placeOf(archivesDir: string, path: string): Promise<Place> {
  const parsed = parseBackupPath(path)
  if (!parsed) throw new Error(`"${path}" is not the path of a backup`)
  const above = join(archivesDir, parsed.archive)
  const folder = join(above, parsed.stack)
  const file = join(folder, parsed.name)
  const folders = [await found(above), await found(folder)]
  if (folders.some((one) => one && !one.isDirectory()))
    throw new Error(`${folder} is not a folder of its own: a link may lead anywhere`)
  const backup = await found(file)
  if (backup && !backup.isFile() && !backup.isDirectory()) throw new Error(`${file} is neither a file nor a folder`)
  if (!backup && !folders[1]) await expectDisk(archivesDir)
  return { path, folder, file, name: parsed.name, stack: parsed.stack, found: backup }
}

/** `.trash/<id>_<file name>`, and nothing else. */
export async function trashPlaceOf(
  archivesDir: string,
  backup: Pick<KnownBackup, 'id' | 'path'>,
  trashPath: string,
): Promise<Pick<Place, 'file' | 'found'>> {
  if (trashPath !== trashPathOf(backup)) throw new Error(`"${trashPath}" is not the path of this backup in the trash`)
  const trash = join(archivesDir, trashFolder)
  const folder = await found(trash)
  if (folder && !folder.isDirectory()) throw new Error(`${trash} is not a folder`)
  if (!folder) await expectDisk(archivesDir)
  const file = join(archivesDir, trashPath)
  const there = await found(file)
  if (there && !there.isFile() && !there.isDirectory()) throw new Error(`${file} is neither a file nor a folder`)
  return { file, found: there }
}

export function trashPathOf({ id, path }: Pick<KnownBackup, 'id' | 'path'>): string {
  const parsed = parseBackupPath(path)
  if (!parsed || !Number.isSafeInteger(id)) throw new Error(`"${path}" is not the path of a backup`)
  return `${trashFolder}/${id}_${parsed.name}`
}

/** An archives folder that is not there, or has nothing in it, is most likely a disk that is not mounted. */
export async function expectDisk(archivesDir: string): Promise<void> {
  const names = await readdir(archivesDir).catch((error: unknown) => {
    throw new Error(`the archives folder ${archivesDir} cannot be read: ${reasonOf(error)}`, { cause: error })
  })
  if (names.every((name) => name === 'lost+found'))
    throw new Error(`the archives folder ${archivesDir} is empty: its disk may not be mounted`)
}

async function found(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw new Error(`${path} cannot be looked at: ${reasonOf(error)}`, { cause: error })
  }
}

// What lies in the archives folder: what we made, told by its name and place, and what somebody else put there.
import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../durable.ts'
import { isBackupName, isFolderName, isPartialName } from './backup-path.ts'
import { trashFolder } from './place.ts'

export interface FoundEntry {
  /** Below the archives folder. */
  path: string
  file: string
  /** partial: an unfinished backup, or one half removed. */
  kind: 'backup' | 'index' | 'partial' | 'foreign'
  isDirectory: boolean
}

export interface ArchivesFolder {
  /** In our `<archive>/<stack>` folders. */
  entries: FoundEntry[]
  /** `<archive>` and `<archive>/<stack>` folders that hold something we made. */
  folders: string[]
  /** Paths of files, links and whole folders that are nobody's we know. */
  foreign: string[]
}

/** `made`: `<archive>/<stack>` folders known to be ours even when nothing is in them. Follows no link. */
export async function lookThrough(archivesDir: string, made: string[]): Promise<ArchivesFolder> {
  const look: ArchivesFolder = { entries: [], folders: [], foreign: [] }
  for (const archive of await list(archivesDir)) {
    if (archive.name === trashFolder || archive.name === 'lost+found') continue
    if (!archive.isDirectory() || !isFolderName(archive.name)) {
      look.foreign.push(archive.name)
      continue
    }
    const inside: ArchivesFolder = { entries: [], folders: [], foreign: [] }
    for (const stack of await list(join(archivesDir, archive.name))) {
      const path = `${archive.name}/${stack.name}`
      const entries =
        stack.isDirectory() && isFolderName(stack.name) ? await entriesOf(archivesDir, path, stack.name) : []
      if ((stack.isDirectory() && made.includes(path)) || entries.some(({ kind }) => kind !== 'foreign')) {
        inside.folders.push(path)
        inside.entries.push(...entries)
      } else inside.foreign.push(path)
    }
    if (inside.folders.length > 0) {
      look.folders.push(archive.name, ...inside.folders)
      look.entries.push(...inside.entries)
      look.foreign.push(...inside.foreign)
    } else if (!made.some((path) => path.startsWith(`${archive.name}/`))) look.foreign.push(archive.name)
  }
  return look
}

async function entriesOf(archivesDir: string, folder: string, stack: string): Promise<FoundEntry[]> {
  return (await list(join(archivesDir, folder))).map((entry) => ({
    path: `${folder}/${entry.name}`,
    file: join(archivesDir, folder, entry.name),
    kind: kindOf(entry, stack),
    isDirectory: entry.isDirectory(),
  }))
}

function kindOf(entry: Dirent, stack: string): FoundEntry['kind'] {
  if (!entry.isFile() && !entry.isDirectory()) return 'foreign'
  if (isBackupName(entry.name, stack)) return 'backup'
  if (isPartialName(entry.name, stack)) return 'partial'
  const isIndex = entry.isFile() && entry.name.endsWith('.index')
  return isIndex && isBackupName(entry.name.slice(0, -'.index'.length), stack) ? 'index' : 'foreign'
}

async function list(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

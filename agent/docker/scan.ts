// Looks for compose files in a folder and one level below.
import { access, constants, readdir, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** In the order in which Compose itself looks. */
const composeFiles = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']

/** Names that are never a stack's, beside hidden ones. */
const skipped = new Set(['archives', 'tmp'])

export interface FoundStack {
  /** Resolved: symbolic links followed. */
  path: string
  name: string
  compose_file: string
  kind: 'direct' | 'nested'
}

export interface ScanResult {
  stacks: FoundStack[]
  /** Why the folder could not be scanned; null when it was. */
  problem: 'missing' | 'unreadable' | null
  /** Names that Postgres, JSON and people could not read back as they are. */
  unprintable: number
}

/** Stacks of one folder: itself (direct) and its subfolders (nested). */
export async function scanFolder(folder: string): Promise<ScanResult> {
  const result: ScanResult = { stacks: [], problem: null, unprintable: 0 }
  let names: Buffer[]
  try {
    names = await readdir(folder, { encoding: 'buffer' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    result.problem = code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable'
    return result
  }
  const path = await realpath(folder)
  const own = await findComposeFile(path)
  if (own) result.stacks.push({ path, name: basename(path), compose_file: own, kind: 'direct' })
  for (const bytes of names.sort(Buffer.compare)) {
    const name = bytes.toString()
    if (name.startsWith('.') || skipped.has(name)) continue
    if (!Buffer.from(name).equals(bytes)) {
      result.unprintable += 1
      continue
    }
    const below = await resolveFolder(join(path, name))
    const file = below && (await findComposeFile(below))
    if (below && file) result.stacks.push({ path: below, name: basename(below), compose_file: file, kind: 'nested' })
  }
  return result
}

/** The name of the compose file in a folder, or null. */
export async function findComposeFile(folder: string): Promise<string | null> {
  for (const name of composeFiles) {
    const found = await stat(join(folder, name)).catch(() => null)
    if (found?.isFile()) return name
  }
  return null
}

async function resolveFolder(path: string): Promise<string | null> {
  try {
    const resolved = await realpath(path)
    await access(resolved, constants.R_OK | constants.X_OK)
    return (await stat(resolved)).isDirectory() ? resolved : null
  } catch {
    return null
  }
}

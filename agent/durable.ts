// Files that are still there, whole, after a power cut.
import { randomUUID } from 'node:crypto'
import { link, lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Replaces `file` at once: a reader sees the old content or the new, and so does the next boot. */
export async function writeDurably(file: string, content: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.new`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(file))
}

export async function removeDurably(file: string): Promise<void> {
  await rm(file, { force: true })
  await syncFolder(dirname(file))
}

/** Makes the folder and all above it, each entry flushed. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

/**
 * Gives a complete, flushed file or folder its final name without ever replacing another one.
 * Throws with code EEXIST when the name is taken by something else.
 */
export async function publish(partial: string, final: string): Promise<void> {
  if ((await lstat(partial)).isDirectory()) {
    await renameWithoutReplacing(partial, final)
    return syncFolder(dirname(final))
  }
  try {
    await link(partial, final)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      if (!(await isSameFile(partial, final))) throw error
    } else if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error))) {
      await renameWithoutReplacing(partial, final)
    } else throw error
  }
  await syncFolder(dirname(final))
  // it has its name: a second one that cannot be taken away (a folder that only lets add) changes nothing about that
  await removeDurably(partial).catch(() => {})
}

/** For folders, and for file systems without hard links (FAT, some network ones). */
async function renameWithoutReplacing(partial: string, final: string): Promise<void> {
  if (await lstat(final).catch(() => null)) throw Object.assign(new Error(`${final} exists`), { code: 'EEXIST' })
  await rename(partial, final)
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([lstat(a), lstat(b)])
  return left.dev === right.dev && left.ino === right.ino
}

/** Flushes a folder's own entries: which names it holds. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // some network file systems refuse to flush a folder; then its server keeps the order
    if (!['EINVAL', 'ENOTSUP'].includes(codeOf(error))) throw error
  } finally {
    await handle.close()
  }
}

/** The `code` of a Node system error, or an empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

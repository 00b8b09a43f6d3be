// An unfinished backup and its index get their names, or go, together.
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { indexPathOf } from './archive/index-path.ts'
import { codeOf, publish, syncFolder } from './durable.ts'
import { removeTree } from './remove-tree.ts'

/**
 * The index follows its backup, so that there is never one without: a backup whose index is lost is still whole. May be
 * called again after any failure. Throws with code EEXIST when something else has the name, ENOENT when `partial` is gone.
 */
export async function publishBackup(partial: string, final: string): Promise<void> {
  await publish(partial, final)
  await publishIndex(partial, final)
}

/** Does nothing where there is none. */
export async function publishIndex(partial: string, final: string): Promise<void> {
  try {
    await rename(indexPathOf(partial), indexPathOf(final))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  await syncFolder(dirname(final))
}

export async function removePartial(partial: string): Promise<void> {
  await removeTree(partial)
  await rm(indexPathOf(partial), { force: true })
}

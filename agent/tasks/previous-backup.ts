// The backup that the next one takes over what has not changed from.
import { join } from 'node:path'
import type { ArchiveStackPayload } from 'db/domain/task'
import type { Tools } from './tools.ts'

/** Absolute path of the newest of this stack, archive and format that this agent found whole; null when there is none. */
export async function previousBackup(
  { archive, stack }: ArchiveStackPayload,
  { ledger, archivesDir }: Tools,
): Promise<string | null> {
  const extension = archive.format === 'folder' ? '' : `.${archive.format}`
  for (const path of await ledger.wholeIn(`${archive.folder}/${stack.folder}`)) {
    const isOfFormat = extension === '' ? !/\.tar(\.\w+)?$/.test(path) : path.endsWith(extension)
    if (isOfFormat && (await ledger.knows(path))) return join(archivesDir, path)
  }
  return null
}

// The file or folder a backup is written to: made before anything is stopped, named only when it is whole.
import { chmod, mkdir, open, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ArchiveFormat } from 'db/domain/archive'
import { binarySize } from 'db/domain/size'
import type { ArchiveStackPayload } from 'db/domain/task'
import { removePartial } from '../backup-names.ts'
import { codeOf, makeFolder } from '../durable.ts'
import { diskOf } from '../host-status.ts'
import { backupPath, partialName } from './backup-path.ts'
import { outputModes } from './fix-permissions.ts'

export interface BackupFile {
  /** Below the archives folder. */
  path: string
  final: string
  /** In the same folder as `final`. */
  partial: string
  remove(): Promise<void>
}

/** Throws, in words, when there is less room than the last backup took. */
export async function refuseWithoutSpace(payload: ArchiveStackPayload, archivesDir: string): Promise<void> {
  const disk = await diskOf(archivesDir)
  if (!disk || disk.free_bytes >= payload.last_size_bytes) return
  throw new Error(
    `Not enough space in ${archivesDir}: ${binarySize(disk.free_bytes)} are free, and the last backup of this stack took ` +
      `${binarySize(payload.last_size_bytes)}. Nothing was stopped`,
  )
}

/**
 * Makes the unfinished file or folder, so that a folder that cannot be written is noticed while the stack still runs.
 * `willCreate` is told its name before it is there: no file of ours is ever unknown to the journal.
 */
export async function createBackupFile(
  payload: ArchiveStackPayload,
  archivesDir: string,
  taskId: number,
  at: Date,
  willCreate: (partial: string) => Promise<void>,
): Promise<BackupFile> {
  const { archive, stack } = payload
  for (let copy = 1; ; copy++) {
    const path = backupPath(
      { archive: archive.folder, stack: stack.folder },
      at,
      archive.time_zone,
      archive.format,
      copy,
    )
    const final = join(archivesDir, path)
    if (await stat(final).catch(() => null)) continue
    const partial = join(dirname(final), partialName(basename(final), taskId))
    await willCreate(partial)
    try {
      await makeFolder(dirname(final))
      if (archive.format === 'folder') await mkdir(partial, 0o700)
      else await (await open(partial, 'wx', 0o600)).close()
      if (payload.output_permissions) await giveOutputModes(partial, archive.format)
    } catch (error) {
      throw new Error(
        `No backup can be written to ${dirname(final)} (${codeOf(error) || 'unknown error'}); nothing was stopped`,
        { cause: error },
      )
    }
    return { path, final, partial, remove: () => removePartial(partial) }
  }
}

/** For others to read what we made; what is in a folder backup keeps its own modes. */
async function giveOutputModes(partial: string, format: ArchiveFormat): Promise<void> {
  const stackFolder = dirname(partial)
  for (const folder of [stackFolder, dirname(stackFolder)]) await chmod(folder, outputModes.folder)
  await chmod(partial, format === 'folder' ? outputModes.folder : outputModes.file)
}

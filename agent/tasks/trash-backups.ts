// To the trash and back: a rename each way, so that it is all there or all here.
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CareOutcome, KnownBackup, TaskOf } from 'db/domain/task'
import { indexPathOf } from '../archive/index-path.ts'
import { codeOf, makeFolder, syncFolder } from '../durable.ts'
import type { TaskReport } from '../task-report.ts'
import { careTask, eachBackup, type Care } from './care.ts'
import { placeOf, trashFolder, trashPathOf, trashPlaceOf } from './place.ts'
import type { Tools } from './tools.ts'

export async function trashBackups(
  task: TaskOf<'trash_backups'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<CareOutcome> {
  return careTask(task, tools, report, signal, (care) =>
    eachBackup(care, task.payload.backups, (backup) => trashBackup(backup, tools, care)),
  )
}

export async function untrashBackups(
  task: TaskOf<'untrash_backups'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<CareOutcome> {
  return careTask(task, tools, report, signal, (care) =>
    eachBackup(care, task.payload.backups, async (backup) => {
      const place = await placeOf(tools.archivesDir, backup.path)
      const trashed = await trashPlaceOf(tools.archivesDir, backup, backup.trash_path)
      const result = { id: backup.id, did: 'restored' as const, reason: '', bytes: 0 }
      if (!trashed.found) {
        if (!place.found) throw new Error(`${trashed.file} is not in the trash any more`)
        care.results.push(result)
        return
      }
      if (place.found) throw new Error(`${place.file} cannot be brought back: something else has its name`)
      await makeFolder(place.folder)
      await care.act(result, trashed.file, () => move(trashed.file, place.file))
      report.say('info', `Brought back from the trash: ${place.file}`)
    }),
  )
}

/** One that is there already is reported again; one that is nowhere is missing. */
export async function trashBackup(backup: KnownBackup, tools: Tools, care: Care): Promise<void> {
  const trash_path = trashPathOf(backup)
  const place = await placeOf(tools.archivesDir, backup.path)
  const trashed = await trashPlaceOf(tools.archivesDir, backup, trash_path)
  const result = { id: backup.id, did: 'trashed' as const, reason: '', bytes: 0, trash_path }
  if (!place.found) {
    if (trashed.found) care.results.push(result)
    else care.results.push({ id: backup.id, did: 'missing', reason: `${place.file} is not there`, bytes: 0 })
    return
  }
  if (trashed.found) throw new Error(`${place.file} stays: something else has its name in the trash`)
  await makeTrash(tools.archivesDir)
  await care.act(result, place.file, () => move(place.file, trashed.file))
  care.report.say('info', `To the trash: ${place.file}`)
}

export async function makeTrash(archivesDir: string): Promise<void> {
  await mkdir(join(archivesDir, trashFolder), { mode: 0o700 }).then(
    () => syncFolder(archivesDir),
    (error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    },
  )
}

async function move(from: string, to: string): Promise<void> {
  await rename(from, to)
  await rename(indexPathOf(from), indexPathOf(to)).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
  await syncFolder(dirname(to))
  await syncFolder(dirname(from))
}

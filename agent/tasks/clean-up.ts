// Tidies the archives folder by what the control plane knows of it. Only what we made ourselves is ever touched;
// what might still be wanted goes to the trash, and what is not ours is only told of.
import { lstat, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { CleanupTask } from 'db/domain/cleanup'
import { messageOf } from 'db/domain/errors'
import { binarySize, counted } from 'db/domain/size'
import type { CareOutcome, CleanUpPayload, Finding, TaskOf } from 'db/domain/task'
import { codeOf, syncFolder } from '../durable.ts'
import { removeTree } from '../remove-tree.ts'
import type { TaskReport } from '../task-report.ts'
import { lookThrough } from './archives-folder.ts'
import { isFolderName } from './backup-path.ts'
import { careTask, eachBackup, type Care } from './care.ts'
import { expectDisk, placeOf, trashFolder, trashPlaceOf } from './place.ts'
import { bytesOf, removeBackup } from './remove-backup.ts'
import { makeTrash, trashBackup } from './trash-backups.ts'
import type { Tools } from './tools.ts'

const dayMs = 86_400_000
const mostFindings = 1000

const done = { removed: 'Removed', trashed: 'To the trash', fixed: 'Put right', reported: 'Found' }
const wouldBe = { ...done, removed: 'Would be removed', trashed: 'Would go to the trash' }

interface Cleaning {
  payload: CleanUpPayload
  taskId: number
  tools: Tools
  care: Care
  now: Date
  found(task: CleanupTask, path: string, did: Finding['did'], bytes: number, text: string): void
}

export async function cleanUp(
  task: TaskOf<'clean_up'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
  now = new Date(),
): Promise<CareOutcome> {
  const { payload } = task
  // the trash first: what goes there now stays for its days
  const steps: Record<Exclude<CleanupTask, 'old_logs'>, (cleaning: Cleaning) => Promise<void>> = {
    expired_trash: expiredTrash,
    orphaned_archives: orphanedArchives,
    unreferenced_folders: unreferencedFolders,
    unreferenced_files: unreferencedFiles,
    stale_partials: stalePartials,
    expired_downloads: expiredDownloads,
  }
  return careTask(task, tools, report, signal, async (care) => {
    const troubles: string[] = []
    const cleaning: Cleaning = {
      payload,
      taskId: task.id,
      tools,
      care,
      now,
      found(task, path, did, bytes, text) {
        const listed = care.findings.filter((finding) => finding.task === task).length
        if (listed > mostFindings) return
        if (listed === mostFindings) {
          const more = `more than ${mostFindings} findings; the rest is not listed`
          care.findings.push({ task, path: '', did: 'reported', bytes: 0, text: more })
          return report.say('warn', more)
        }
        care.findings.push({ task, path, did, bytes, text })
        report.say('info', `${(payload.dry_run ? wouldBe : done)[did]}: ${text}`)
      },
    }
    if (payload.known.length > 0) await expectDisk(tools.archivesDir)
    for (const [name, step] of Object.entries(steps)) {
      if (!payload.tasks.includes(name as CleanupTask)) continue
      signal.throwIfAborted()
      const before = care.findings.length
      await step(cleaning).catch((error: unknown) => {
        signal.throwIfAborted()
        troubles.push(`${name.replaceAll('_', ' ')}: ${messageOf(error)}`)
        report.say('error', troubles.at(-1) ?? '')
      })
      report.say('info', `${name.replaceAll('_', ' ')}: ${counted(care.findings.length - before, 'finding')}`)
    }
    if (troubles.length > 0) throw new Error(troubles.join('; '))
  })
}

async function orphanedArchives({ payload, tools, care, found }: Cleaning): Promise<void> {
  await eachBackup(care, payload.orphans, async (backup) => {
    const place = await placeOf(tools.archivesDir, backup.path)
    const bytes = place.found ? await bytesOf(place.file, place.found) : 0
    if (!payload.dry_run) await trashBackup(backup, tools, care)
    if (place.found)
      found('orphaned_archives', backup.path, 'trashed', bytes, `${backup.path}: its archive was deleted`)
  })
}

/** Only empty ones, and only those of which the control plane knows that we made them. */
async function unreferencedFolders({ payload, tools, found }: Cleaning): Promise<void> {
  const made = payload.folders.filter((path) => path.split('/').length === 2 && path.split('/').every(isFolderName))
  const gone = new Set<string>()
  const tryToRemove = async (path: string) => {
    const folder = join(tools.archivesDir, path)
    if (!(await lstat(folder).catch(() => null))?.isDirectory()) return
    if ((await readdir(folder)).some((name) => !gone.has(`${path}/${name}`))) return
    if (!payload.dry_run) {
      // never recursively: what came into it meanwhile stays
      await rmdir(folder)
      await syncFolder(dirname(folder))
    }
    gone.add(path)
    found('unreferenced_folders', path, 'removed', 0, `${path}: an empty folder that nobody uses any more`)
  }
  for (const path of made) {
    const archive = await lstat(join(tools.archivesDir, dirname(path))).catch(() => null)
    if (archive?.isDirectory() && !payload.used.includes(path)) await tryToRemove(path)
  }
  for (const archive of new Set(made.map(dirname)))
    if (!payload.used.some((path) => path.startsWith(`${archive}/`))) await tryToRemove(archive)
}

/** Told of, never touched; but for an index that was left without its backup. */
async function unreferencedFiles({ payload, tools, care, now, found }: Cleaning): Promise<void> {
  const known = new Set([...payload.known, ...payload.orphans.map(({ path }) => path)])
  const ours = [...known, ...payload.orphans.map(({ path }) => path)].map(dirname)
  const look = await lookThrough(tools.archivesDir, [...payload.folders, ...payload.used, ...ours])
  const names = new Set(look.entries.map(({ path }) => path))
  const report = (path: string, text: string) => found('unreferenced_files', path, 'reported', 0, `${path}: ${text}`)
  for (const path of look.foreign) report(path, 'not made by Docker Archiver; left alone')
  for (const { path, file, kind } of look.entries) {
    care.signal.throwIfAborted()
    if (kind === 'foreign') report(path, 'not made by Docker Archiver; left alone')
    else if (kind === 'backup' && !known.has(path))
      report(path, 'named like a backup, but not known as one; left alone')
    else if (kind === 'index' && !names.has(path.slice(0, -'.index'.length)) && (await isOlder(file, dayMs, now))) {
      const { size } = await lstat(file)
      if (!payload.dry_run) {
        await makeTrash(tools.archivesDir)
        const trashed = join(tools.archivesDir, trashFolder, `0_${basename(file)}`)
        if (await lstat(trashed).catch(() => null)) await rm(trashed)
        await rename(file, trashed)
        await syncFolder(dirname(trashed))
        await syncFolder(dirname(file))
      }
      found('unreferenced_files', path, 'trashed', size, `${path}: an index without its backup`)
    }
  }
}

async function stalePartials({ payload, tools, care, now, found }: Cleaning): Promise<void> {
  const held = await tools.journal.partials()
  const remove = async (file: string, path: string, text: string) => {
    if (held.includes(file) || !(await isOlder(file, dayMs, now))) return
    const bytes = await bytesOf(file, await lstat(file))
    if (!payload.dry_run) {
      await removeTree(file)
      await syncFolder(dirname(file))
    }
    found('stale_partials', path, 'removed', bytes, `${path}: ${text}`)
  }
  const look = await lookThrough(tools.archivesDir, payload.folders)
  for (const { file, path, kind } of look.entries) {
    care.signal.throwIfAborted()
    if (kind === 'partial') await remove(file, path, 'an unfinished backup that nobody works on')
  }
  const trash = join(tools.archivesDir, trashFolder)
  for (const name of await namesIn(trash))
    if (/^\.\d+_.+\.\d+\.partial$/.test(name)) await remove(join(trash, name), `${trashFolder}/${name}`, 'half removed')
  for (const name of await namesIn(tools.downloadsDir))
    if (/^\.\d+_.+\.partial$/.test(name))
      await remove(join(tools.downloadsDir, name), name, 'a download that was never finished')
  for (const folder of [join(tools.stateDir, 'journal'), ...(await foldersBelow(join(tools.stateDir, 'ledger')))])
    for (const name of await namesIn(folder))
      if (/\.json\.[0-9a-f-]{36}\.new$/.test(name)) await remove(join(folder, name), name, 'a temporary file')
}

/** Gone for good once it has been there long enough by the row and by the disk, which keeps the time of the move. */
async function expiredTrash({ payload, taskId, tools, care, now, found }: Cleaning): Promise<void> {
  const days = Math.max(payload.trash_days, tools.trashMinDays)
  await eachBackup(care, payload.expired_trash, async (backup) => {
    const trashed = await trashPlaceOf(tools.archivesDir, backup, backup.trash_path)
    const result = {
      id: backup.id,
      did: 'deleted' as const,
      reason: `in the trash for ${counted(days, 'day')}`,
      bytes: 0,
    }
    if (!trashed.found) {
      if (!payload.dry_run) care.results.push({ ...result, reason: 'it was not in the trash any more' })
      return
    }
    if (!(await isOlder(trashed.file, days * dayMs, now, 'ctime')))
      return care.report.say(
        'info',
        `${backup.trash_path} stays: on disk it has not been in the trash for ${counted(days, 'day')}`,
      )
    const bytes = await bytesOf(trashed.file, trashed.found)
    const { file, found: stats } = trashed
    if (!payload.dry_run) {
      await care.act({ ...result, bytes }, file, () => removeBackup(file, stats, taskId))
      await tools.ledger.forget(backup.path)
    }
    found(
      'expired_trash',
      backup.trash_path,
      'removed',
      bytes,
      `${backup.path} (${binarySize(bytes)}): in the trash for ${counted(days, 'day')}`,
    )
  })
  // what unreferencedFiles put there has no row
  const trash = join(tools.archivesDir, trashFolder)
  for (const name of (await namesIn(trash)).filter((name) => /^0_.+\.index$/.test(name))) {
    const file = join(trash, name)
    if (!(await isOlder(file, days * dayMs, now, 'ctime'))) continue
    const { size } = await lstat(file)
    if (!payload.dry_run) await rm(file, { force: true })
    found(
      'expired_trash',
      `${trashFolder}/${name}`,
      'removed',
      size,
      `${trashFolder}/${name}: in the trash for ${counted(days, 'day')}`,
    )
  }
}

/** Files that were packed for a download nobody may fetch any more; they can be packed again. */
async function expiredDownloads({ payload, tools, found }: Cleaning): Promise<void> {
  for (const name of await namesIn(tools.downloadsDir)) {
    const id = Number(/^(\d+)_\d{8}_\d{6}_.+$/.exec(name)?.[1] ?? Number.NaN)
    if (Number.isNaN(id) || payload.prepared.includes(id)) continue
    const file = join(tools.downloadsDir, name)
    const stats = await lstat(file)
    if (!stats.isFile()) continue
    if (!payload.dry_run) await rm(file, { force: true })
    found(
      'expired_downloads',
      name,
      'removed',
      stats.size,
      `${name} (${binarySize(stats.size)}): packed for a download that is over`,
    )
  }
}

async function isOlder(file: string, ms: number, now: Date, by: 'both' | 'ctime' = 'both'): Promise<boolean> {
  const { mtimeMs, ctimeMs } = await lstat(file)
  const last = by === 'ctime' ? ctimeMs : Math.max(mtimeMs, ctimeMs)
  return now.getTime() - last >= ms
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
}

async function foldersBelow(folder: string): Promise<string[]> {
  return (await namesIn(folder)).map((name) => join(folder, name))
}

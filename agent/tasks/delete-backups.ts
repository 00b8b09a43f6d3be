// Deletes backups for good, as retention decided. The agent has the last word: whatever it is told, the last whole
// backup of a stack stays, and so does more than a set share of a stack's backups at once.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { binarySize, counted } from 'db/domain/size'
import type { CareOutcome, KnownBackup, TaskOf } from 'db/domain/task'
import type { TaskReport } from '../task-report.ts'
import { ageOf, isBackupName, parseBackupPath } from './backup-path.ts'
import { careTask, eachBackup, type Care } from './care.ts'
import { placeOf, type Place } from './place.ts'
import { readBack } from './read-back.ts'
import { bytesOf, removeBackup } from './remove-backup.ts'
import type { Tools } from './tools.ts'

export async function deleteBackups(
  task: TaskOf<'delete_backups'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<CareOutcome> {
  return careTask(task, tools, report, signal, async (care) => {
    const allowed = new Map<string, { limit: number; count: number; deleted: number }>()
    // oldest first: what is refused in the end are the newest
    const backups = [...task.payload.backups].sort((a, b) => (ageOfBackup(a) < ageOfBackup(b) ? -1 : 1))
    const asked = new Set(backups.map(({ path }) => path))
    await eachBackup(care, backups, async (backup) => {
      const place = await placeOf(tools.archivesDir, backup.path)
      if (!place.found) {
        care.results.push({ id: backup.id, did: 'deleted', reason: 'the file was not there any more', bytes: 0 })
        return
      }
      const share = allowed.get(place.folder) ?? (await shareOf(place, tools.maxDeleteShare))
      allowed.set(place.folder, share)
      if (share.deleted >= share.limit)
        throw new Error(
          `${place.file} stays: of ${counted(share.count, 'backup')} of this stack at most ${share.limit} may be deleted at once`,
        )
      await refuseLastWhole(place, asked, tools, care)
      const bytes = await bytesOf(place.file, place.found)
      const { found } = place
      await care.act({ id: backup.id, did: 'deleted', reason: task.payload.reason, bytes }, place.file, () =>
        removeBackup(place.file, found, task.id),
      )
      share.deleted += 1
      await tools.ledger.forget(backup.path)
      report.say('info', `Deleted ${place.file} (${binarySize(bytes)})`)
    })
  })
}

/** With one or two backups there is no share; the last whole one is kept all the same. */
async function shareOf(place: Place, maxShare: number) {
  const count = (await backupsIn(place)).length
  return { limit: count > 2 ? Math.floor(count * maxShare) : count, count, deleted: 0 }
}

/** Newest first. */
async function backupsIn(place: Place): Promise<string[]> {
  const entries = await readdir(place.folder, { withFileTypes: true })
  return entries
    .filter((entry) => (entry.isFile() || entry.isDirectory()) && isBackupName(entry.name, place.stack))
    .map(({ name }) => ({ name, age: ageOf({ stack: place.stack, name }) }))
    .sort((a, b) => (a.age > b.age ? -1 : 1))
    .map(({ name }) => name)
}

/** Throws unless another backup of the stack is there that this agent knows, or now finds, to be whole. */
async function refuseLastWhole(place: Place, asked: Set<string>, tools: Tools, care: Care): Promise<void> {
  const above = place.path.slice(0, -place.name.length)
  const others = (await backupsIn(place)).map((name) => above + name).filter((path) => path !== place.path)
  // those that stay anyway before those that are to go, too
  const candidates = [...others.filter((path) => !asked.has(path)), ...others.filter((path) => asked.has(path))]
  for (const path of candidates) if (await tools.ledger.knows(path)) return
  for (const path of candidates) {
    const file = join(tools.archivesDir, path)
    care.report.say('info', `Reading ${file} back, to be sure that a whole backup of this stack remains`)
    const read = await readBack(file, path, care)
    if (read.verdict === 'whole') return await tools.ledger.whole(path)
    care.report.say('warn', `${file} does not count as one that remains: ${read.reason}`)
  }
  throw new Error(`${place.file} stays: no other whole backup of this stack would remain`)
}

function ageOfBackup({ path }: KnownBackup): string {
  const parsed = parseBackupPath(path)
  return parsed ? ageOf(parsed) : ''
}

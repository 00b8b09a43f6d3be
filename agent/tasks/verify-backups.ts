// Reads backups back as far as they go, and compares each with the hash it was made with.
import { counted } from 'db/domain/size'
import type { CareOutcome, KnownBackup, TaskOf } from 'db/domain/task'
import type { VerifyResult } from '../archive/protocol.ts'
import type { TaskReport } from '../task-report.ts'
import { careTask, eachBackup } from './care.ts'
import { placeOf } from './place.ts'
import { readBack } from './read-back.ts'
import type { Tools } from './tools.ts'

export async function verifyBackups(
  task: TaskOf<'verify_backups'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<CareOutcome> {
  report.phase('verify')
  report.progress.total_bytes = task.payload.backups.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  report.say('info', `Reading ${counted(task.payload.backups.length, 'backup')} back`)
  return careTask(task, tools, report, signal, (care) =>
    eachBackup(care, task.payload.backups, async (backup) => {
      const { file, found } = await placeOf(tools.archivesDir, backup.path)
      const tell = (did: 'corrupt' | 'missing', reason: string) => {
        care.results.push({ id: backup.id, did, reason, bytes: 0 })
        report.say('error', reason)
      }
      if (!found) return tell('missing', `${file} is not there`)
      const read = await readBack(file, backup.path, care)
      if (read.verdict === 'unknown') throw new Error(`${file} could not be verified: ${read.reason}`)
      const wrong = read.verdict === 'corrupt' ? read.reason : differs(read.result, backup, file)
      if (wrong) {
        await tools.ledger.forget(backup.path)
        return tell('corrupt', wrong)
      }
      care.results.push({ id: backup.id, did: 'verified', reason: '', bytes: 0 })
      await tools.ledger.whole(backup.path)
      report.say('info', `${file} is whole`)
      if (read.verdict === 'whole' && lacksIndex(read.result, backup))
        report.say(
          'warn',
          `${file} was read without its index, which is ${read.result.index}; the next backup reads everything`,
        )
    }),
  )
}

/** Without its index, what a backup was can be told from its own checksums alone. */
function lacksIndex({ index }: VerifyResult, { sha256 }: KnownBackup): boolean {
  return sha256.startsWith('frames:') && index !== 'whole'
}

function differs(found: VerifyResult, backup: KnownBackup, file: string): string {
  if (lacksIndex(found, backup) || found.sha256 === backup.sha256) return ''
  return `${file} is damaged: its SHA-256 is not that of what was written`
}

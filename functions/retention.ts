// The second phase of a job: decides which backups of its stacks are kept, says why, and has the agents delete the rest.
import type { Query } from 'db/connect'
import type { RetentionResult } from 'db/domain/job'
import { planRetention, policyOf, type MeasuredBackup, type RetentionPolicy } from 'db/domain/retention'
import { binarySize, counted } from 'db/domain/size'
import { getArchive } from 'db/queries/archives'
import { closeUnreachableCare, writeLogLine } from 'db/queries/care'
import { listJobStacks, type Job } from 'db/queries/jobs'
import {
  askToDelete,
  jobStackFor,
  listRetainedStacks,
  recordRetention,
  writeStackLine,
  type RetainedStack,
} from 'db/queries/retention'

/** Resolves with true when agents were given something to do. */
export async function applyRetention(sql: Query, job: Job): Promise<boolean> {
  const stackIds = await stacksFor(sql, job)
  if (job.archive_id === null || stackIds?.length === 0) return false
  const archive = await getArchive(sql, job.archive_id)
  const policy = policyOf(archive)
  const stacks = await listRetainedStacks(sql, { archive_id: job.archive_id, stack_ids: stackIds })
  await writeLogLine(sql, job.id, 'info', `Phase 2: retention keeps ${policyInWords(policy)}`)

  const results: RetentionResult[] = []
  let asked = false
  for (const stack of stacks) {
    const row = await jobStackFor(sql, job.id, stack)
    const planned = job.is_dry_run && job.options.dry_run?.create_archive ? withNewOne(stack) : stack.backups
    const { waits, decisions, removed, later } = planRetention(planned, policy, archive.time_zone)
    const gone = stack.backups.filter(({ id }) => removed.includes(id)).toReversed()
    const bytes = gone.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
    const result = { kept: planned.length - gone.length, removed: gone.length, waits, bytes }
    results.push({ stack_id: stack.stack_id, stack_name: stack.stack_name, ...result })

    const say = (level: 'info' | 'warn', text: string) =>
      writeStackLine(sql, job.id, row, level, `Phase 2: stack ${stack.stack_name}: ${text}`)
    const would = job.is_dry_run ? 'would be ' : ''
    await say(
      'info',
      `${counted(result.kept, 'backup')} ${would}kept, ${gone.length} ${would}removed (${binarySize(bytes)})`,
    )
    if (waits !== '') await say('warn', `retention waits: ${waits}`)
    // a nightly job that removes nothing does not list what has not changed
    const isAsked = job.job_type === 'retention' || job.is_dry_run
    for (const { id, keep, reasons } of isAsked || gone.length > 0 ? decisions : []) {
      const backup = stack.backups.find((backup) => backup.id === id)
      const name = backup ? nameOf(backup.path) : 'the backup this job would make'
      const what = keep ? 'keep' : removed.includes(id) ? 'remove' : 'remove later'
      await say('info', `${what} ${name}: ${reasons.join(', ')}`)
    }
    if (waits === '' && later.length > 0) {
      await say(
        'warn',
        `${counted(later.length, 'backup')} more will go with the next job: at most half of a stack at once`,
      )
    }
    if (job.is_dry_run || gone.length === 0) continue
    await askToDelete(
      sql,
      job.id,
      row,
      stack.host_id,
      gone,
      `retention of archive "${job.archive_name}": no rule keeps it`,
    )
    asked = true
  }
  await recordRetention(sql, job.id, { retention: results })
  if (asked) await closeUnreachableCare(sql)
  return asked
}

/** Undefined: every stack of the archive. After archiving, only those it went well for: a failure leaves the old ones alone. */
async function stacksFor(sql: Query, job: Job): Promise<number[] | undefined> {
  if (job.job_type === 'retention') return undefined
  const ended = await listJobStacks(sql, job.id)
  return ended
    .filter(({ status }) => status === 'success' || status === 'warning')
    .flatMap(({ stack_id }) => (stack_id === null ? [] : [stack_id]))
}

/** A dry run has made no backup; what it says is about the run it stands for. */
function withNewOne(stack: RetainedStack): MeasuredBackup[] {
  const [newest] = stack.backups
  if (!newest) return stack.backups
  return [{ ...newest, id: 0, state: 'good', pinned: false, created_at: new Date() }, ...stack.backups]
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function policyInWords({
  keep_days,
  keep_weeks,
  keep_months,
  keep_years,
  one_per_day,
}: RetentionPolicy): string {
  const rules = [
    keep_days > 0 && `${counted(keep_days, 'day')} (${one_per_day ? 'one a day' : 'all of each day'})`,
    keep_weeks > 0 && counted(keep_weeks, 'week'),
    keep_months > 0 && counted(keep_months, 'month'),
    keep_years > 0 && counted(keep_years, 'year'),
  ]
  return rules.filter((rule) => rule !== false).join(', ')
}

// A cleanup: what is old in the database goes first, then every host is asked to tidy up its archives folder.
import type { Sql } from 'db/connect'
import { counted } from 'db/domain/size'
import type { Finding } from 'db/domain/task'
import { askHostsToCleanUp, forgetExpiredDownloads, openCleanup } from 'db/queries/cleanup'
import { pruneLogs } from 'db/queries/logs'
import { forgetMissedRuns } from 'db/queries/schedules'
import { readSettings } from 'db/queries/settings'
import * as z from 'zod'

const Payload = z.object({ job_id: z.number() })

/** Running it again does what is left. */
export async function run_cleanup(sql: Sql, payload: unknown): Promise<void> {
  const { job_id } = Payload.parse(payload)
  const cleanup = await openCleanup(sql, job_id)
  if (!cleanup) return
  const { trash_days, log_retention_days } = await readSettings(sql, 'cleanup')
  const findings: Finding[] = []
  if (cleanup.tasks.includes('old_logs') && !cleanup.is_cancelled) {
    const olderThan = new Date(Date.now() - log_retention_days * 24 * 3600_000)
    const { jobs, lines } = await pruneLogs(sql, olderThan, cleanup.is_dry_run)
    if (!cleanup.is_dry_run) await forgetMissedRuns(sql, olderThan)
    const text = `the logs of ${counted(jobs, 'job')} older than ${counted(log_retention_days, 'day')}, ${counted(lines, 'line')}`
    if (jobs > 0) findings.push(finding('old_logs', cleanup.is_dry_run, text))
  }
  if (cleanup.tasks.includes('expired_downloads') && !cleanup.is_cancelled) {
    const links = await forgetExpiredDownloads(sql, cleanup.is_dry_run)
    if (links > 0)
      findings.push(finding('expired_downloads', cleanup.is_dry_run, `${counted(links, 'link')} that had expired`))
  }
  await askHostsToCleanUp(sql, job_id, findings, trash_days)
}

function finding(task: Finding['task'], isDryRun: boolean, text: string): Finding {
  return { task, path: '', did: isDryRun ? 'reported' : 'removed', bytes: 0, text }
}

// Each minute: says which agents have gone silent while they work, and starts what is due.
import type { Sql } from 'db/connect'
import { closeUnreachableCare } from 'db/queries/care'
import { startDueCleanup } from 'db/queries/cleanup'
import { endForgottenWork, markOutOfContact } from 'db/queries/jobs'
import { rescueMails } from 'db/queries/mails'
import { startDueArchives } from 'db/queries/schedules'
import { startRollingVerify } from 'db/queries/verify'

/** `timeZone`: of schedules that name none. */
export async function tick(sql: Sql, now = new Date(), timeZone = 'UTC'): Promise<void> {
  await markOutOfContact(sql)
  await endForgottenWork(sql)
  await closeUnreachableCare(sql)
  await startDueArchives(sql, now)
  await startDueCleanup(sql, now, timeZone)
  await startRollingVerify(sql, now, timeZone)
  await rescueMails(sql)
}

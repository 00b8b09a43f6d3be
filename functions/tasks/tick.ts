// Each minute: says which agents have gone silent while they work, and starts what is due.
import type { Sql } from 'db/connect'
import { messageOf } from 'db/domain/errors'
import { closeUnreachableCare } from 'db/queries/care'
import { startDueCleanup } from 'db/queries/cleanup'
import { endForgottenWork, markOutOfContact } from 'db/queries/jobs'
import { rescueMails } from 'db/queries/mails'
import { releaseLostWork } from 'db/queries/queue'
import { startDueArchives } from 'db/queries/schedules'
import { startRollingVerify } from 'db/queries/verify'

/** What goes wrong with one keeps none of the others back; it is thrown at the end. `timeZone`: of schedules that name none. */
export async function tick(sql: Sql, now = new Date(), timeZone = 'UTC'): Promise<void> {
  const steps = [
    () => markOutOfContact(sql),
    () => endForgottenWork(sql),
    () => closeUnreachableCare(sql),
    () => startDueArchives(sql, now),
    () => startDueCleanup(sql, now, timeZone),
    () => startRollingVerify(sql, now, timeZone),
    () => rescueMails(sql),
    () => releaseLostWork(sql),
  ]
  const errors: unknown[] = []
  for (const step of steps) await step().catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw new Error(errors.map(messageOf).join('; '), { cause: errors[0] })
}

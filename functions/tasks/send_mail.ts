// Sends one mail to whoever of its recipients has not got it yet.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'db/connect'
import { messageOf } from 'db/domain/errors'
import { closeMail, noteFailure, noteRefused, noteSent, takeMail, type Mail } from 'db/queries/mails'
import { readSettings } from 'db/queries/settings'
import * as z from 'zod'
import { openMail, Pointless, type MailConfig } from '../mail/compose.ts'
import { openPassword } from '../mail/password.ts'
import { NotSent, openSender } from '../mail/sender.ts'
import { isUnreachableDatabase } from '../problems.ts'

const Payload = z.object({ mail_id: z.number() })

export interface Try {
  /** There is no other after this one. */
  isLast: boolean
  /** Aborted when the server stops. */
  signal?: AbortSignal | undefined
}

/** Throws when it is to be tried again. */
export async function send_mail(
  sql: Sql,
  config: MailConfig,
  payload: unknown,
  { isLast, signal }: Try,
): Promise<void> {
  const mail = await takeMail(sql, Payload.parse(payload).mail_id)
  if (!mail) return
  try {
    await sendToAll(sql, config, mail, signal)
    await closeMail(sql, mail.id)
  } catch (error) {
    const what = error instanceof Pointless ? 'final' : signal?.aborted ? 'interrupted' : isLast ? 'final' : 'again'
    const reason = error instanceof NotSent || error instanceof Pointless ? error.message : messageOf(error)
    await noteFailure(sql, mail.id, reason, what)
    if (what !== 'final') throw new Error(`Mail ${mail.id} was not sent: ${reason}`, { cause: error })
  }
}

async function sendToAll(sql: Sql, config: MailConfig, mail: Mail, signal: AbortSignal | undefined): Promise<void> {
  const settings = await readSettings(sql, 'notifications')
  if (settings.smtp_server === '') throw new Pointless('No mail server is set any more')
  const messageFor = await openMail(sql, config, mail, settings)
  const sender = openSender(settings, openPassword(config.secretKey, settings))
  let trouble: unknown
  try {
    for (const to of mail.recipients) {
      if (mail.sent_to.includes(to) || mail.refused.includes(to)) continue
      try {
        const response = await sender.send(to, await messageFor(to), signal)
        await whateverTheDatabaseDoes(() => noteSent(sql, mail.id, to, response), signal)
      } catch (error) {
        // one address that is wrong keeps nobody else from being told
        if (!(error instanceof NotSent) || error.what === 'server') throw error
        if (error.what === 'mailbox') await noteRefused(sql, mail.id, to, error.message)
        else trouble ??= error
      }
    }
  } finally {
    sender.close()
  }
  if (trouble !== undefined) throw trouble
}

/** A mail that was taken must be known to be, though the database restarts just then: else it is sent twice. */
async function whateverTheDatabaseDoes(note: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await note()
    } catch (error) {
      if (tries === 60 || signal?.aborted || !isUnreachableDatabase(error)) throw error
      await sleep(1000)
    }
  }
}

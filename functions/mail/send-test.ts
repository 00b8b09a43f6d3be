// Sends a test mail while somebody waits, and tells what the mail server said.
import type { Sql } from 'db/connect'
import { Invalid } from 'db/domain/errors'
import { readSettings } from 'db/queries/settings'
import { recordTestMail, retryMails } from 'db/queries/mails'
import { asMessage, originOf, type MailConfig } from './compose.ts'
import { testMail } from './other-mails.ts'
import { openPassword } from './password.ts'
import { NotSent, openSender } from './sender.ts'

/** Until a person who waits is told that the server is too slow, in ms. */
const patience = 45_000

/** Resolves with the server's answer. Throws Invalid when no server is set, and NotSent. */
export async function sendTest(sql: Sql, config: MailConfig, to: string): Promise<string> {
  const settings = await readSettings(sql, 'notifications')
  if (settings.smtp_server === '')
    throw new Invalid('No mail server is set, so nothing can be sent: enter one and save it first', 'smtp_server')
  try {
    const sender = openSender(settings, openPassword(config.secretKey, settings))
    try {
      const message = asMessage(testMail(originOf(config, settings)), settings)
      const response = await sender.send(to, message, AbortSignal.timeout(patience))
      await recordTestMail(sql, to, { response })
      await retryMails(sql)
      return response
    } finally {
      sender.close()
    }
  } catch (error) {
    if (error instanceof NotSent) await recordTestMail(sql, to, { error: error.message })
    throw error
  }
}

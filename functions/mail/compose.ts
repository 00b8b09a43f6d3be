// Writes a mail for one of its recipients, from what is true when it is sent.
import { createHash } from 'node:crypto'
import type { Sql } from 'db/connect'
import { NotFound } from 'db/domain/errors'
import type { Settings } from 'db/domain/settings'
import { addDownloadToken, getDownload } from 'db/queries/downloads'
import type { Mail } from 'db/queries/mails'
import { readReport } from 'db/queries/report'
import type { Config } from '../config.ts'
import { linkOf, newToken } from '../download-link.ts'
import { asHtml, asText, type Block } from './document.ts'
import { jobMail, timeIn, type Contents } from './job-mail.ts'
import { logFile, type LogFile } from './log-file.ts'
import { linkMail } from './other-mails.ts'
import type { Message } from './sender.ts'

type Notifications = Settings['notifications']

export interface MailConfig extends Pick<Config, 'secretKey' | 'baseUrl' | 'timeZone'> {
  port: number
}

/** There is nothing to tell any more, and trying again does not help. */
export class Pointless extends Error {
  override name = 'Pointless'
}

/** Writes the mail for each of its recipients; what is the same for all is read once. Throws Pointless. */
export async function openMail(sql: Sql, config: MailConfig, mail: Mail, settings: Notifications) {
  const origin = originOf(config, settings)
  const write = await writerOf(sql, config, mail, settings, origin)
  return async (to: string): Promise<Message> => {
    const { contents, file } = await write()
    return {
      ...asMessage(contents, settings),
      ...(file && { attachments: [file] }),
      messageId: messageIdOf(mail, to, origin),
    }
  }
}

/** Where people reach us, as far as that is known without anybody asking. */
export function originOf({ baseUrl, port }: MailConfig, { reached_at }: Pick<Notifications, 'reached_at'>): string {
  return baseUrl ?? (reached_at || `http://localhost:${port}`)
}

export function asMessage({ subject, blocks }: Contents, { subject_tag }: Pick<Notifications, 'subject_tag'>): Message {
  const line = `${subject_tag && `[${subject_tag}] `}${subject}`.replaceAll(/\p{Cc}+/gu, ' ')
  return { subject: line, text: asText(blocks), html: asHtml(line, blocks) }
}

interface Written {
  contents: Contents
  file?: LogFile
}

async function writerOf(
  sql: Sql,
  config: MailConfig,
  mail: Mail,
  settings: Notifications,
  origin: string,
): Promise<() => Promise<Written>> {
  if (mail.kind === 'link') return async () => ({ contents: await linkFor(sql, config, mail, origin) })
  const report = mail.job_id === null ? null : await readReport(sql, mail.job_id)
  if (!report) throw new Pointless('The job it is about has been removed')
  const contents = jobMail(report, { origin, timeZone: config.timeZone, detail: settings.detail })
  const wanted = settings.attach_log && (!settings.attach_log_on_failure_only || report.job.status !== 'success')
  if (!wanted) return async () => ({ contents })
  const file = await logFile(sql, report.job.id)
  const written: Written = file ? { contents, file } : { contents: withNote(contents) }
  return async () => written
}

function withNote({ subject, blocks }: Contents): Contents {
  const note: Block = { is: 'paragraph', text: 'The log is too large to be attached; the job’s page has it.' }
  return { subject, blocks: [...blocks, note] }
}

/** With a token of its own, kept as a hash alone; it exists only in this mail. */
async function linkFor(sql: Sql, { timeZone }: MailConfig, mail: Mail, origin: string): Promise<Contents> {
  const gone = new Pointless('The link has expired, or was deleted')
  if (mail.download_id === null) throw gone
  const download = await getDownload(sql, mail.download_id, new Date()).catch((error: unknown) => {
    throw error instanceof NotFound ? gone : error
  })
  const { token, hash } = newToken()
  const known = await addDownloadToken(sql, download.id, hash)
  if (!known) throw gone
  return linkMail({
    stack_name: download.stack_name,
    file_name: download.file_name,
    expires: timeIn(timeZone, download.expires_at),
    url: linkOf(download.origin || origin, token),
  })
}

/** The same at each try, so that a mail the server took without our hearing of it is not shown twice. */
function messageIdOf(mail: Mail, to: string, origin: string): string {
  const unique = createHash('sha256')
    .update(JSON.stringify([mail.id, mail.created_at, to]))
    .digest('hex')
    .slice(0, 32)
  return `<${unique}@${new URL(origin).hostname.replaceAll(/[^a-zA-Z0-9.-]/g, '') || 'localhost'}>`
}

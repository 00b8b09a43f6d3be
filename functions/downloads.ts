// What may be done with a link, whichever door it is done through: asked for, mailed, opened.
import type { Sql } from 'db/connect'
import { downloadHours, whyNot } from 'db/domain/download'
import { Conflict, Invalid, NotFound } from 'db/domain/errors'
import type { JobTrigger } from 'db/domain/job'
import {
  addDownload,
  addNotifyEmails,
  foldersWithLinks,
  getDownload,
  getDownloadableBackup,
  prepareDownload,
  tellOfDownload,
  type Download,
} from 'db/queries/downloads'
import type { Logger } from 'pino'
import { messageOf } from 'db/domain/errors'
import { newToken } from './download-link.ts'

/** Whom one link is mailed to. */
export const mostEmails = 20

interface Wanted {
  backup_id: number
  notify_emails: string[]
  created_by: string
  /** The address people reached us by; links begin with it. */
  origin: string
}

/** A link that works for 24 h. A folder backup is packed at once. Throws NotFound and Conflict. */
export async function requestDownload(sql: Sql, wanted: Wanted, triggeredBy: JobTrigger, now: Date) {
  const { token, hash } = newToken()
  const expires_at = new Date(now.getTime() + downloadHours * 3_600_000)
  const id = await sql.begin(async (sql) => {
    const backup = await getDownloadableBackup(sql, wanted.backup_id)
    const reason = whyNot(backup)
    if (reason) throw new Conflict(reason)
    const id = await addDownload(sql, { ...wanted, token_hash: hash, expires_at })
    const job =
      backup.format === 'folder' ? await prepareDownload(sql, { ...backup, backup_id: backup.id }, triggeredBy) : null
    if (job === null) await tellOfDownload(sql, id)
    return id
  })
  return { id, token, expires_at }
}

/** Mails the link, once there is a file behind it. Throws Conflict and Invalid. */
export async function mailLink(sql: Sql, download: Download, emails: string[], triggeredBy: JobTrigger): Promise<void> {
  if (download.state === 'expired' || download.state === 'gone') throw new Conflict(whyUnavailable(download))
  await sql.begin(async (sql) => {
    if (!(await addNotifyEmails(sql, download.id, emails, mostEmails)))
      throw new Invalid(`one link is mailed to ${mostEmails} addresses at most`, 'emails')
    const job = download.format === 'folder' ? await prepareDownload(sql, download, triggeredBy) : null
    if (job === null) await tellOfDownload(sql, download.id)
  })
}

/** Packs what a link leads to. `again`: its host looks anew whether it is there. */
export async function prepare(sql: Sql, download: Download, triggeredBy: JobTrigger): Promise<Download> {
  await prepareDownload(sql, download, triggeredBy)
  return getDownload(sql, download.id, new Date())
}

/** At start of a server, where it is set so: files for downloads may have been lost with a container. */
export async function prepareAllWithLinks(sql: Sql, log: Logger): Promise<void> {
  for (const backup of await foldersWithLinks(sql)) {
    await prepareDownload(sql, backup, 'schedule', true).catch((error: unknown) => {
      if (!(error instanceof Conflict) && !(error instanceof NotFound)) throw error
      log.debug({ error: messageOf(error) }, 'a folder backup is not prepared for download')
    })
  }
}

/** For people, whether they have signed in or not: what was found wrong names files, and is nobody's business. */
export function whyUnavailable(download: Download): string {
  if (download.state === 'expired') return `This link has expired: it worked until ${inWords(download.expires_at)}`
  return whyNot({ state: download.backup_state, trashed_at: download.trashed_at, verify_error: '' })
}

export function inWords(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

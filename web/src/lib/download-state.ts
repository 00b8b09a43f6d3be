// What a link leads to now. The rows say how it was when they were sent; links expire without a word.
import type { DownloadState } from 'db/domain/download'
import type { Tone } from './components/Mark.svelte'
import type { Download } from './rows.ts'

export function stateNow(download: Pick<Download, 'state' | 'expires_at'>, now: Date): DownloadState {
  return Date.parse(download.expires_at) <= now.getTime() ? 'expired' : download.state
}

export const tones: Record<DownloadState, Tone> = {
  ready: 'good',
  preparing: 'busy',
  missing: 'warn',
  offline: 'warn',
  gone: 'bad',
  expired: 'idle',
}

/** Mailing one of these would be refused. */
export function isMailable(state: DownloadState): boolean {
  return state !== 'expired' && state !== 'gone'
}

/** Who has been told of it, and who waits to be. */
export function toldOf({ notify_emails, told_emails }: Pick<Download, 'notify_emails' | 'told_emails'>) {
  return { told: told_emails, waiting: notify_emails.filter((email) => !told_emails.includes(email)) }
}

// What to tell whoever opens a link, when it is not the file: for people as a page, for programs as JSON. Pure.
import { binarySize } from 'db/domain/size'
import type { Download } from 'db/queries/downloads'
import type { DownloadPage } from './download-page.ts'
import { inWords, whyUnavailable } from './downloads.ts'

export interface LinkAnswer {
  status: 202 | 404 | 410 | 429 | 503
  title: string
  detail: string
  /** Seconds. */
  retryAfter?: number
  /** One e-mail address is taken, and the link mailed once the file is there. */
  takesEmail?: boolean
}

export const unknownLink: LinkAnswer = {
  status: 404,
  title: 'This link does not work',
  detail:
    'Nothing is to be had under this link. It may have been deleted, or not been copied wholly. Ask whoever sent it for a new one.',
}

export function tooManyTries(seconds: number): LinkAnswer {
  const detail = `Too many tries from your address. Try again in ${Math.ceil(seconds / 60)} min.`
  return { status: 429, title: 'Too many tries', detail, retryAfter: seconds }
}

/** The file of a backup that is packed already, or needs no packing, is not on its host's disk. */
export const lostFile: LinkAnswer = {
  status: 404,
  title: 'The file is not there',
  detail:
    'The file of this backup is not on its host any more, or cannot be read there. Ask whoever sent you this link.',
}

export function unreachable(detail: string): LinkAnswer {
  return { status: 503, title: 'Not to be had at the moment', detail, retryAfter: 30 }
}

/** Null: the file can be sent. */
export function answerFor(download: Download): LinkAnswer | null {
  const { host, stack_name } = download
  switch (download.state) {
    case 'ready':
      return null
    case 'expired':
      return { status: 410, title: 'This link has expired', detail: `${whyUnavailable(download)}. Ask for a new one.` }
    case 'gone':
      return {
        status: download.backup_state === 'deleted' ? 410 : 404,
        title: 'This backup is not to be had',
        detail: `${whyUnavailable(download)}.`,
      }
    case 'offline':
      return {
        status: 503,
        title: 'The host does not answer',
        detail: `The backup lies on host ${host}, which does not answer at the moment. Try again later; the link works until ${inWords(download.expires_at)}.`,
        retryAfter: 60,
      }
    case 'preparing':
      return {
        status: 202,
        title: 'The file is being prepared',
        detail: download.host_online
          ? `The backup of ${stack_name} is being packed into one file. This link leads to it as soon as it is there.`
          : `The backup of ${stack_name} will be packed into one file once its host ${host} answers.`,
        retryAfter: 5,
      }
    case 'missing':
      return {
        status: 404,
        title: 'The file has to be prepared first',
        detail: `The backup of ${stack_name} is not packed into one file at the moment${download.prepare_reason && '; the last try did not succeed'}.`,
        takesEmail: true,
      }
  }
}

export function pageFor(answer: LinkAnswer, download: Download | null, problem = ''): DownloadPage {
  return {
    title: answer.title,
    texts: [
      answer.detail,
      ...(answer.status === 202 ? ['This page looks again by itself.'] : []),
      ...(answer.takesEmail
        ? ['Leave your e-mail address: the file is prepared then, and the link is mailed to you when it is there.']
        : []),
    ],
    facts: download ? factsOf(download) : [],
    ...(answer.takesEmail && { form: { problem } }),
    ...(answer.status === 202 &&
      answer.retryAfter !== undefined && {
        waitsFor: 'Packing the file',
        // a download that begins leaves the page as it is: whoever waits is brought to one that says what is there
        refresh: { seconds: answer.retryAfter, to: aboutIt },
        action: { text: 'Look again', href: aboutIt },
      }),
  }
}

/** After the address of a link: a page about the file instead of the file. */
export const aboutIt = '?about'

/** The file is there: what it is, where to take it, and how to go on with a download that broke off. */
export function readyPage(download: Download, { link, path }: { link: string; path: string }): DownloadPage {
  return {
    title: `A backup of ${download.stack_name}`,
    texts: ['The file is ready. Anybody who has this link can download it.'],
    action: {
      text: `Download${download.size_bytes === null ? '' : ` (${binarySize(download.size_bytes)})`}`,
      href: path,
    },
    facts: factsOf(download),
    command: {
      text: 'A download that broke off goes on where it was, in a browser or with this command:',
      code: `curl -C - -o ${quoted(download.file_name)} ${quoted(link)}`,
    },
  }
}

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** That an address was taken; the page looks for the file by itself. */
export function thanksPage(email: string, download: Download): DownloadPage {
  return {
    title: 'You will get a mail',
    texts: [
      `The file is being prepared. The link will be mailed to ${email} when it is there; this page may be closed.`,
    ],
    facts: factsOf(download),
  }
}

/** Of a file with an index the hash is not that of its bytes, but that of the hashes of its parts. */
function nameOfHash(sha256: string): string {
  return sha256.startsWith('frames:') ? 'Fingerprint' : 'SHA-256'
}

function factsOf({ stack_name, file_name, backup_created_at, size_bytes, sha256, expires_at }: Download) {
  return [
    { name: 'Stack', value: stack_name },
    { name: 'File', value: file_name },
    { name: 'Backup of', value: inWords(backup_created_at) },
    ...(size_bytes === null ? [] : [{ name: 'Size', value: binarySize(size_bytes) }]),
    ...(sha256 === null ? [] : [{ name: nameOfHash(sha256), value: sha256, code: true }]),
    { name: 'Link works until', value: inWords(expires_at) },
  ]
}

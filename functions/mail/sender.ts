// The one place that sends mail: a connection to the mail server of the settings, and its answers in words.
import { messageOf } from 'db/domain/errors'
import type { Settings } from 'db/domain/settings'
import nodemailer, { type Attachment } from 'nodemailer'

export interface Message {
  subject: string
  text: string
  html: string
  attachments?: Attachment[]
  /** The same for the same mail to the same recipient, so that one sent twice is seen to be one. */
  messageId?: string
}

/** Milliseconds. A server that is slower than that is down. */
export const patience = { connect: 10_000, greeting: 10_000, silence: 30_000, send: 120_000 }

export type SmtpSettings = Pick<
  Settings['notifications'],
  'smtp_server' | 'smtp_port' | 'smtp_user' | 'smtp_security' | 'smtp_verify_certificate' | 'from'
>

/** A mail that was not sent, and why, in words that hold what the server said. */
export class NotSent extends Error {
  override name = 'NotSent'
  /** server: nobody gets any. recipient: others may. mailbox: there is none of this name, so trying again is of no use. */
  readonly what: 'server' | 'recipient' | 'mailbox'
  constructor(message: string, what: NotSent['what'], cause?: unknown) {
    super(message, { cause })
    this.what = what
  }
}

export interface Sender {
  /** To one person, who sees no other's address. Resolves with the server's answer; throws NotSent. */
  send(to: string, message: Message, signal?: AbortSignal): Promise<string>
  close(): void
}

/** Connects with the first mail, and keeps the connection for the next ones until it is closed. */
export function openSender(settings: SmtpSettings, password: string): Sender {
  const { smtp_security: security, smtp_user: user } = settings
  const transport = nodemailer.createTransport({
    pool: true,
    maxConnections: 1,
    maxMessages: Infinity,
    // a lost connection is told, and the mail tried again by whoever asked
    maxRequeues: 0,
    host: settings.smtp_server,
    port: settings.smtp_port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(user && { auth: { user, pass: password } }),
    tls: { rejectUnauthorized: settings.smtp_verify_certificate, minVersion: 'TLSv1.2' },
    connectionTimeout: patience.connect,
    dnsTimeout: patience.connect,
    greetingTimeout: patience.greeting,
    socketTimeout: patience.silence,
    socketCloseTimeout: 0,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  // the pool tells here what it tells each mail as well
  transport.on('error', () => {})
  return {
    async send(to, message, signal) {
      const late = AbortSignal.timeout(patience.send)
      try {
        const { response } = await transport.sendMail({
          ...message,
          from: senderOf(settings),
          to: { name: '', address: to },
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
          signal: signal ? AbortSignal.any([signal, late]) : late,
        })
        return response
      } catch (error) {
        if (error instanceof NotSent) throw error
        throw new NotSent(whyNotSent(error, settings), whatIsWrong(error), error)
      }
    },
    close: () => transport.close({ force: true }),
  }
}

/** `from`, or the name we sign in with where it is an address. */
function senderOf({ from, smtp_user }: SmtpSettings): string {
  if (from) return from
  if (/^[^\s@]+@[^\s@]+$/.test(smtp_user)) return smtp_user
  throw new NotSent('No sender is set: enter the address mails come from (From) in Settings → Notifications', 'server')
}

interface SmtpError {
  code?: string
  response?: string
  responseCode?: number
  command?: string
}

/** By the codes of RFC 5321. A relay that wants a sign-in says 550 as well, but in other words. */
function whatIsWrong(error: unknown): NotSent['what'] {
  const { command, responseCode = 0, response = '' } = error as SmtpError
  if (command !== 'RCPT TO' && command !== 'DATA') return 'server'
  const isUnknown = command === 'RCPT TO' && [550, 551, 553].includes(responseCode)
  return isUnknown && !/relay|auth|denied|sender|spam|block|policy/i.test(response) ? 'mailbox' : 'recipient'
}

function whyNotSent(error: unknown, { smtp_server, smtp_port, smtp_security }: SmtpSettings): string {
  const { code = '', response } = error as SmtpError
  const where = `${smtp_server}:${smtp_port}`
  const words = messageOf(error).replaceAll(/\s+/g, ' ').trim()
  if (isCertificateError(error))
    return `The certificate of ${where} is not trusted (${words}). If it is your own server, turn off "Verify certificate", or give its authority's certificate in NODE_EXTRA_CA_CERTS`
  if (code === 'ETLS' && smtp_security === 'starttls')
    return `${where} does not offer STARTTLS, so nothing was sent (${response ?? words}): choose TLS or none, if you mean to`
  if (code === 'EAUTH' && response) return `${where} refused the user name or password: ${response}`
  if (response) return `${where} answered: ${response}`
  if (/ECONNREFUSED/.test(words))
    return `Nothing listens at ${where} (connection refused): check the server's name and port`
  if (/ENOTFOUND|EAI_AGAIN/.test(words) || code === 'EDNS') return `The name ${smtp_server} was not found (${words})`
  if (/EHOSTUNREACH|ENETUNREACH/.test(words)) return `There is no way to ${where} from here (${words})`
  if (code === 'EABORT')
    return `${where} did not take the mail within ${patience.send / 1000} s, or the server was stopped`
  if (/wrong version number|packet length too long/.test(words))
    return `${where} does not speak TLS from the first byte: choose STARTTLS, or the port for TLS, usually 465`
  if (code === 'ETIMEDOUT')
    return `${where} did not answer in time (${words}): check the port, and whether it expects ${smtp_security === 'tls' ? 'STARTTLS' : 'TLS from the first byte'}`
  return `No mail could be handed to ${where}: ${words}`
}

function isCertificateError(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (/certificate|self[- ]signed|altnames|CERT_|_SIGNATURE/i.test(`${at.message} ${(at as SmtpError).code ?? ''}`))
      return true
  }
  return false
}

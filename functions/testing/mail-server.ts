// A real mail server on the loopback address whose received mails tests read.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer } from 'smtp-server'

export interface ReceivedMail extends ParsedMail {
  /** Of the envelope. */
  recipients: string[]
  raw: string
  encrypted: boolean
  signedInAs: string
}

export interface MailServerOptions {
  /** Default: a free one. */
  port?: number
  /** How it takes mail; default: unencrypted, and it does not offer STARTTLS. */
  security?: 'starttls' | 'tls' | 'none'
  /** Whoever sends must sign in like this. */
  account?: { user: string; password: string }
  certificate?: Certificate
  /** What it says instead of taking mail for this address, such as "550 no such user"; undefined: it takes it. */
  refuse?: (address: string) => string | undefined
}

export interface MailServer extends AsyncDisposable {
  port: number
  received: ReceivedMail[]
  connections: number
  close(): Promise<void>
}

export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { security = 'none', account, certificate } = options
  const received: ReceivedMail[] = []
  const made = { port: 0, received, connections: 0 }
  const server = new SMTPServer({
    secure: security === 'tls',
    ...(certificate && { key: certificate.key, cert: certificate.cert }),
    disabledCommands: [...(security === 'none' ? ['STARTTLS'] : []), ...(account ? [] : ['AUTH'])],
    authOptional: !account,
    allowInsecureAuth: true,
    logger: false,
    onConnect(_session, callback) {
      made.connections++
      callback()
    },
    onAuth({ username, password }, _session, callback) {
      if (username === account?.user && password === account?.password) return callback(null, { user: username })
      return callback(Object.assign(new Error('5.7.8 Authentication credentials invalid'), { responseCode: 535 }))
    },
    onRcptTo({ address }, _session, callback) {
      const [, code, words] = /^(\d{3}) (.*)$/.exec(options.refuse?.(address) ?? '') ?? []
      callback(code ? Object.assign(new Error(words), { responseCode: Number(code) }) : null)
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks)
        void simpleParser(raw).then((mail) => {
          received.push({
            ...mail,
            recipients: session.envelope.rcptTo.map(({ address }) => address),
            raw: raw.toString(),
            encrypted: session.secure,
            signedInAs: String(session.user ?? ''),
          })
          callback(null, 'Ok: taken by the mail server of the tests' as never)
        })
      })
    },
  })
  // what clients do to connections is theirs
  server.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve())
  })
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  made.port = (server.server.address() as AddressInfo).port
  return Object.assign(made, { close, [Symbol.asyncDispose]: close })
}

/** Takes connections and never says a word. `port`: default a free one. */
export async function startMuteServer(port = 0): Promise<{ port: number; connections: number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const made = { port: 0, connections: 0 }
  const server = createServer((socket) => {
    made.connections++
    sockets.add(socket.on('error', () => {}))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  made.port = (server.address() as AddressInfo).port
  return Object.assign(made, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

export interface Certificate {
  key: string
  cert: string
}

/** For 127.0.0.1, signed by itself. */
export function makeCertificate(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'archiver-certificate-'))
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=mail server of the tests',
    ]
    execFileSync('openssl', [...request, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

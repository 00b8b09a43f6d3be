import { createServer } from 'node:net'
import tls from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate, startMailServer, startMuteServer, type Certificate } from '../testing/mail-server.ts'
import { openSender, type SmtpSettings } from './sender.ts'

let certificate: Certificate

beforeAll(() => {
  certificate = makeCertificate()
})

const message = { subject: 'Subject – ünïcode', text: 'text', html: '<p>html</p>' }

function settings(port: number, more: Partial<SmtpSettings> = {}): SmtpSettings {
  return {
    smtp_server: '127.0.0.1',
    smtp_port: port,
    smtp_user: '',
    smtp_security: 'none',
    smtp_verify_certificate: true,
    from: 'Backups <backup@example.org>',
    ...more,
  }
}

async function send(to: SmtpSettings, password = ''): Promise<string> {
  const sender = openSender(to, password)
  try {
    return await sender.send('ada@example.org', message)
  } finally {
    sender.close()
  }
}

describe('sending', () => {
  test('hands over text and HTML, and resolves with what the server said', async () => {
    await using server = await startMailServer()
    expect(await send(settings(server.port))).toBe('250 Ok: taken by the mail server of the tests')
    expect(server.received).toMatchObject([
      {
        subject: message.subject,
        text: 'text',
        html: '<p>html</p>',
        recipients: ['ada@example.org'],
        encrypted: false,
      },
    ])
    expect(server.received[0]?.from?.text).toBe('"Backups" <backup@example.org>')
  })

  test('uses one connection for several people, none of whom sees another', async () => {
    await using server = await startMailServer()
    const sender = openSender(settings(server.port), '')
    for (const to of ['ada@example.org', 'bob@example.org']) await sender.send(to, message)
    sender.close()
    expect(server.connections).toBe(1)
    expect(server.received.map(({ recipients }) => recipients)).toEqual([['ada@example.org'], ['bob@example.org']])
    expect(server.received[0]?.raw).not.toContain('bob')
    expect(server.received[1]?.raw).not.toContain('ada')
  })

  test('signs in, and comes from the user where no sender is set', async () => {
    const account = { user: 'backup@example.org', password: 'pässword' }
    await using server = await startMailServer({ account, security: 'starttls', certificate })
    const to = settings(server.port, {
      smtp_security: 'starttls',
      smtp_verify_certificate: false,
      smtp_user: account.user,
      from: '',
    })
    await send(to, account.password)
    expect(server.received).toMatchObject([{ encrypted: true, signedInAs: account.user }])
    expect(server.received[0]?.from?.text).toBe(account.user)
    await expect(send(to, 'wrong')).rejects.toThrow(/refused the user name or password: 535 5.7.8 Authentication/)
    await expect(send({ ...to, smtp_user: 'backup' }, 'x')).rejects.toThrow(/No sender is set/)
  })
})

describe('TLS', () => {
  const strict = tls.getCACertificates('default')
  afterEach(() => tls.setDefaultCACertificates(strict))

  test.each(['starttls', 'tls'] as const)('%s with a certificate one’s own server signed itself', async (security) => {
    await using server = await startMailServer({ security, certificate })
    const to = settings(server.port, { smtp_security: security })
    await expect(send(to)).rejects.toThrow(
      /certificate of 127.0.0.1:\d+ is not trusted.*self-signed.*Verify certificate/,
    )
    expect(server.received).toEqual([])
    await send({ ...to, smtp_verify_certificate: false })
    // as with NODE_EXTRA_CA_CERTS
    tls.setDefaultCACertificates([...strict, certificate.cert])
    await send(to)
    expect(server.received.map(({ encrypted }) => encrypted)).toEqual([true, true])
  })

  test('STARTTLS is kept to: nothing is sent to a server that does not offer it', async () => {
    await using server = await startMailServer()
    await expect(send(settings(server.port, { smtp_security: 'starttls' }))).rejects.toThrow(/STARTTLS/)
    expect(server.received).toEqual([])
  })

  test('none means none, though the server offers it', async () => {
    await using server = await startMailServer({ security: 'starttls', certificate })
    await send(settings(server.port))
    expect(server.received).toMatchObject([{ encrypted: false }])
  })

  test('the wrong kind for the port is said', async () => {
    await using plain = await startMailServer()
    await expect(send(settings(plain.port, { smtp_security: 'tls' }))).rejects.toThrow(
      /does not speak TLS from the first byte.*choose STARTTLS/,
    )
  })
})

describe('why nothing was sent', () => {
  test('nothing listens', async () => {
    const server = await startMailServer()
    await server.close()
    await expect(send(settings(server.port))).rejects.toThrow(
      `Nothing listens at 127.0.0.1:${server.port} (connection refused): check the server's name and port`,
    )
  })

  test('no such name', async () => {
    await expect(send(settings(25, { smtp_server: 'no-such-name.invalid' }))).rejects.toThrow(
      /The name no-such-name.invalid was not found/,
    )
  })

  test('a server that says nothing', async () => {
    await using mute = await startMuteServer()
    await expect(send(settings(mute.port))).rejects.toMatchObject({
      what: 'server',
      message: expect.stringMatching(/did not answer in time.*TLS from the first byte/),
    })
  })

  test('something else than a mail server', async () => {
    const server = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await expect(send(settings(port))).rejects.toThrow(/HTTP\/1.1 400|Invalid greeting/)
    server.close()
  })

  test.each([
    ['550 5.1.1 No such user here', 'mailbox'],
    ['553 5.1.3 Bad address', 'mailbox'],
    ['550 5.7.1 Relaying denied', 'recipient'],
    ['450 4.7.1 Greylisted, try again later', 'recipient'],
    ['452 4.2.2 Mailbox full', 'recipient'],
  ])('the server says %s', async (words, what) => {
    await using server = await startMailServer({ refuse: () => words })
    await expect(send(settings(server.port))).rejects.toMatchObject({ what, message: expect.stringContaining(words) })
  })
})

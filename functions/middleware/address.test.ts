import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expectProblem } from '../testing/problems.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { clientAddress, listOf } from './address.ts'

describe('whose request it is', () => {
  const trusted = listOf(['127.0.0.0/8', '::1', '10.0.0.0/8', 'fd00::/8'])
  test.each<[socket: string | undefined, forwarded: string | undefined, address: string]>([
    ['192.0.2.7', undefined, '192.0.2.7'],
    // whoever is no proxy of ours may write what they like
    ['192.0.2.7', '198.51.100.1', '192.0.2.7'],
    ['10.0.0.2', '198.51.100.1', '198.51.100.1'],
    ['10.0.0.2', '6.6.6.6, 198.51.100.1', '198.51.100.1'],
    ['10.0.0.2', '6.6.6.6, 198.51.100.1, 10.0.0.9', '198.51.100.1'],
    ['10.0.0.2', '10.0.0.7', '10.0.0.7'],
    ['10.0.0.2', undefined, '10.0.0.2'],
    ['10.0.0.2', 'unknown', '10.0.0.2'],
    ['10.0.0.2', '198.51.100.1, unknown', '10.0.0.2'],
    ['::ffff:10.0.0.2', '198.51.100.1:4711', '198.51.100.1'],
    ['::1', '[2001:db8::1]:443', '2001:db8::1'],
    ['fd00::2', '2001:db8::1', '2001:db8::1'],
    // called by a platform without a socket: it wrote the last entry
    [undefined, '6.6.6.6, 198.51.100.1', '198.51.100.1'],
    [undefined, undefined, ''],
  ])('from %s, forwarded for %s: %s', (socket, forwarded, address) => {
    expect(clientAddress(socket, forwarded, trusted)).toBe(address)
  })
})

describe('behind a proxy', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startTestServer(inject('serverUrl'))
  })

  afterAll(() => server.stop())

  test('wrong passwords count for the one who typed them, not for all who come through the proxy', async () => {
    const signIn = (from: string, password: string) =>
      server.ask(
        'nobody',
        'POST',
        '/api/auth/sign-in/username',
        { username: 'viewer', password },
        {
          'x-forwarded-for': from,
        },
      )
    for (let tries = 0; tries < 10; tries++) await signIn('198.51.100.66', `wrong ${tries}`)
    expectProblem(await signIn('198.51.100.66', 'correct horse battery'), 429)
    // one who writes the header themselves only adds before what the proxy adds
    expectProblem(await signIn('203.0.113.1, 198.51.100.66', 'correct horse battery'), 429)
    expect((await signIn('198.51.100.5', 'correct horse battery')).status).toBe(200)
  })

  test('Not again: limits that break the UI’s own polling', async () => {
    const signIn = (password: string) =>
      server.ask('nobody', 'POST', '/api/auth/sign-in/username', { username: 'operator', password })
    for (let tries = 0; tries < 11; tries++) await signIn(`wrong ${tries}`)
    expectProblem(await signIn('correct horse battery'), 429)
    // an open dashboard of the same person, from the same address, for as long as they like
    for (let round = 0; round < 30; round++) {
      const answers = await Promise.all(
        ['/api/me', '/api/jobs', '/api/archives', '/api/stacks', '/api/hosts', '/api/backups', '/health'].map((path) =>
          server.ask('operator', 'GET', path),
        ),
      )
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    }
  })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BadConfig, readConfig } from './config.ts'

const needed = { DATABASE_URL: 'postgres://u:p@db:5432/archiver', SECRET_KEY: 'x'.repeat(40), TZ: 'UTC' }

function problemsOf(environment: Record<string, string>): string[] {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    if (!(error instanceof BadConfig)) throw error
    return error.problems
  }
}

test('little is needed', () => {
  expect(readConfig(needed)).toEqual({
    port: 8080,
    host: '0.0.0.0',
    databaseUrl: needed.DATABASE_URL,
    secretKey: needed.SECRET_KEY,
    baseUrl: undefined,
    transferUrl: undefined,
    autoGenerate: { onAccess: false, onStartup: false },
    trustedProxies: ['127.0.0.0/8', '::1'],
    timeZone: 'UTC',
    logLevel: 'info',
    apiToken: undefined,
    admin: undefined,
    agent: undefined,
  })
})

test('empty variables, as Compose files write them, count as not set', () => {
  expect(
    readConfig({ ...needed, PORT: '', BASE_URL: '', ADMIN_USERNAME: '', ADMIN_PASSWORD_FILE: '', HOST_NAME: '' }),
  ).toMatchObject({
    port: 8080,
    admin: undefined,
    agent: undefined,
  })
})

test('all problems are named at once, and no secret is repeated', () => {
  const secret = 'hunter2'
  const problems = problemsOf({
    PORT: 'eighty',
    DATABASE_URL: `mysql://root:${secret}@db/x`,
    SECRET_KEY: secret,
    BASE_URL: 'backup.example.org/path',
    TZ: 'Mars/Olympus',
    LOG_LEVEL: 'loud',
    ADMIN_PASSWORD: secret,
    API_TOKEN: secret,
  })
  for (const name of [
    'PORT',
    'DATABASE_URL',
    'SECRET_KEY',
    'BASE_URL',
    'TZ',
    'LOG_LEVEL',
    'ADMIN_PASSWORD',
    'API_TOKEN',
  ]) {
    expect(problems).toContainEqual(expect.stringContaining(name))
  }
  expect(problems.join()).not.toContain(secret)
})

test.each([
  [{ ADMIN_USERNAME: 'ada' }, /belong together; missing: ADMIN_EMAIL, ADMIN_PASSWORD/],
  [{ AGENT_PASSWORD: 'x'.repeat(20) }, /belong together; missing: HOST_NAME/],
  [{ HOST_NAME: 'Up Stairs', AGENT_PASSWORD: 'x'.repeat(20) }, /HOST_NAME is not/],
  [{ PORT: '70000' }, /above 65535/],
  [{ TRUSTED_PROXIES: '10.0.0.0/33' }, /TRUSTED_PROXIES is not/],
  [{ TRUSTED_PROXIES: 'traefik' }, /TRUSTED_PROXIES is not/],
  [{ SECRET_KEY_FILE: '/nowhere/key' }, /both set: keep one/],
  [{ ADMIN_PASSWORD_FILE: '/nowhere/key' }, /ADMIN_PASSWORD_FILE cannot be read: ENOENT/],
])('%j', (settings, words) => {
  expect(problemsOf({ ...needed, ...settings })).toContainEqual(expect.stringMatching(words))
})

test('without anything, what is missing is said with how to mend it', () => {
  expect(problemsOf({ TZ: 'UTC' })).toEqual([
    expect.stringMatching(/DATABASE_URL is missing: set it to/),
    expect.stringMatching(/SECRET_KEY is missing: .*openssl/),
  ])
})

test('a secret comes from its file, without the line break editors add', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-config-'))
  try {
    const file = join(folder, 'key')
    await writeFile(file, `${'k'.repeat(40)}\n`)
    const { SECRET_KEY: _, ...rest } = needed
    expect(readConfig({ ...rest, SECRET_KEY_FILE: file }).secretKey).toBe('k'.repeat(40))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('BASE_URL is an origin', () => {
  expect(readConfig({ ...needed, BASE_URL: 'https://backup.example.org/' }).baseUrl).toBe('https://backup.example.org')
})

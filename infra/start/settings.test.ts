import { expect, test } from 'vitest'
import { agentDatabaseUrl, readStartSettings, toHostName, withoutServerSecrets } from './settings.ts'

test('without any setting it is port 8080 on all addresses, data below the checkout, PostgreSQL of its own', () => {
  expect(readStartSettings({}, 'NAS', '/srv/archiver')).toEqual({
    port: 8080,
    host: '0.0.0.0',
    address: 'http://localhost:8080',
    dataDir: '/srv/archiver/data',
    databaseUrl: undefined,
    hostName: 'nas',
  })
})

test('what is wrong is said in words', () => {
  expect(() => readStartSettings({ PORT: 'http' }, 'nas', '/')).toThrow('PORT is "http"')
  expect(() => readStartSettings({ PORT: '70000' }, 'nas', '/')).toThrow('from 1 to 65535')
  expect(() => readStartSettings({ DATABASE_URL: 'mysql://x' }, 'nas', '/')).toThrow('postgres://')
})

test.each([
  ['NAS', 'nas'],
  ['Büro PC.local', 'b-ro-pc.local'],
  ['-_web', 'web'],
  ['日本', 'host'],
  ['a'.repeat(64), 'a'.repeat(40)],
])('the machine %s is the host %s', (machine, host) => {
  expect(toHostName(machine)).toBe(host)
})

test('the agent logs in with the role of its host and keeps the rest of the address', () => {
  expect(agentDatabaseUrl('postgres://owner:secret@db:5433/archiver?sslmode=require', 'nas', 'p/w')).toBe(
    'postgres://archiver_host_nas:p%2Fw@db:5433/archiver?sslmode=require',
  )
})

test('the agent never sees what is the server’s', () => {
  const env = { SECRET_KEY: 'a', API_TOKEN_FILE: 'b', DATABASE_URL: 'c', STACKS_DIRS: '/srv/stacks' }
  expect(withoutServerSecrets(env)).toEqual({ STACKS_DIRS: '/srv/stacks' })
})

import type { VolumeInspectInfo } from 'dockerode'
import { expect, test } from 'vitest'
import { coverageOf } from './coverage.ts'

const volume = (Name: string, Driver = 'local', Options: Record<string, string> | null = null) =>
  ({ Name, Driver, Options }) as VolumeInspectInfo
const around = {
  stack: '/srv/wiki',
  volumes: [
    volume('data'),
    volume('a'.repeat(64)),
    volume('cache', 'local', { type: 'tmpfs', device: 'tmpfs' }),
    volume('films', 'local', { type: 'nfs', device: ':/films' }),
    volume('cloud', 'rclone'),
  ],
  dataRoot: '/var/lib/docker',
  ours: ['/srv/archives'],
}
const tell = (Type: string, source: string, Destination = '/to') => {
  const mount = { Type, Source: source, Destination, Name: Type === 'volume' ? source : undefined }
  const { covered, on_request, why } = coverageOf('web', mount as Parameters<typeof coverageOf>[1], around)
  return [covered, on_request, why]
}

test('volumes of any kind are covered', () => {
  expect(tell('volume', 'data')).toEqual([true, undefined, 'a named volume'])
  expect(tell('volume', 'a'.repeat(64))).toEqual([
    true,
    undefined,
    'an anonymous volume, named after its service in the backup',
  ])
  expect(tell('volume', 'cache')[2]).toMatch(/^a volume in memory/)
  expect(tell('volume', 'films')[2]).toMatch(/driver options/)
  expect(tell('volume', 'cloud')).toEqual([true, undefined, 'a volume of the driver rclone'])
  expect(tell('volume', 'lost')).toEqual([false, undefined, 'Docker does not know this volume'])
})

test('a folder elsewhere is where an archive asks for it, the system’s and ours never', () => {
  expect(tell('bind', '/srv/wiki/data')).toEqual([true, undefined, 'in the directory of the stack'])
  expect(tell('bind', '/srv/wiki2')).toEqual([false, true, 'outside the directory of the stack'])
  expect(tell('bind', '/etc/keys/pem', '/run/secrets/pem')[0]).toBe(true)
  const refused = [
    '/',
    '/proc',
    '/sys/fs',
    '/dev/dri',
    '/var/run/docker.sock',
    '/var/lib/docker/volumes',
    '/srv/archives',
  ]
  for (const source of refused) expect(tell('bind', source), source).toEqual([false, false, expect.any(String)])
  expect(tell('tmpfs', '')).toEqual([false, false, 'a mount of type tmpfs lives in memory only'])
})

import { expect, test } from 'vitest'
import { coverageOf, uncovered } from './coverage.ts'
import type { Archive, Stack } from './rows.ts'

const mount = (over: Partial<Stack['mounts'][number]>) => ({
  service: 'web',
  type: 'volume',
  source: 'wiki_data',
  destination: '/data',
  covered: true,
  why: 'a named volume',
  ...over,
})
const archive = (id: number, include_volumes = true, include_bind_mounts = false) =>
  ({ id, name: `archive ${id}`, include_volumes, include_bind_mounts }) as Archive
const stackWith = (mounts: Stack['mounts'], ...ids: number[]) =>
  ({ path: '/srv/wiki', mounts, archives: ids.map((id) => ({ id, name: `archive ${id}` })) }) as Stack

const tell = (stack: Stack, ...archives: Archive[]) =>
  coverageOf(stack, archives).map(({ kind, source, verdict, why }) => [kind, source, verdict, why])

test('the directory and named volumes are covered, what lies outside is not', () => {
  const outside = mount({
    type: 'bind',
    source: '/mnt/media',
    covered: false,
    why: 'outside the directory of the stack',
  })
  expect(tell(stackWith([outside, mount({})], 1), archive(1))).toEqual([
    ['directory', '/srv/wiki', 'covered', 'with everything in it'],
    ['volume', 'wiki_data', 'covered', 'a named volume'],
    ['bind', '/mnt/media', 'not', 'outside the directory of the stack'],
  ])
  expect(coverageOf(stackWith([outside], 1), [archive(1)])[1]?.fix).toMatch(/Move it below/)
})

test('a volume several services mount is one place', () => {
  const places = coverageOf(stackWith([mount({}), mount({ service: 'job', destination: '/in' })], 1), [archive(1)])
  expect(places[1]?.uses).toEqual([
    { service: 'web', destination: '/data' },
    { service: 'job', destination: '/in' },
  ])
})

test('an archive that leaves volumes out covers them in part, or not', () => {
  const stack = stackWith([mount({})], 1, 2)
  expect(tell(stack, archive(1), archive(2, false))[1]?.slice(2)).toEqual([
    'partly',
    'Archive archive 2 leaves named volumes out.',
  ])
  expect(tell(stack, archive(1, false), archive(2, false))[1]?.[2]).toBe('not')
  expect(tell(stack, archive(1), archive(2), archive(3, false))[1]?.[2], 'an archive of other stacks').toBe('covered')
})

test('without an archive nothing is covered; memory is not counted as missing', () => {
  const memory = mount({ type: 'tmpfs', source: '', covered: false, why: 'a mount of type tmpfs lives in memory only' })
  const places = coverageOf(stackWith([mount({}), memory]), [archive(1)])
  expect(places.map(({ kind, verdict }) => [kind, verdict])).toEqual([
    ['directory', 'not'],
    ['volume', 'not'],
    ['other', 'never'],
  ])
  expect(uncovered(places)).toHaveLength(2)
})

test('a folder outside is covered by the archives that ask for such, and what belongs to the system by none', () => {
  const outside = mount({ type: 'bind', source: '/mnt/media', covered: false, on_request: true, why: 'outside' })
  const socket = mount({
    type: 'bind',
    source: '/run/docker.sock',
    covered: false,
    on_request: false,
    why: 'the socket',
  })
  const stack = stackWith([outside, socket], 1, 2)
  const asking = archive(1, true, true)
  expect(tell(stack, asking)[1]?.slice(2)).toEqual(['covered', 'outside'])
  expect(tell(stack, asking, archive(2))[1]?.[2]).toBe('partly')
  expect(tell(stack, archive(2))[1]?.[2]).toBe('not')
  expect(tell(stack, asking)[2]?.slice(2)).toEqual(['never', 'the socket'])
  expect(uncovered(coverageOf(stack, [asking]))).toEqual([])
})

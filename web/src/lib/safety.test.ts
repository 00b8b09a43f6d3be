import { expect, test } from 'vitest'
import type { Archive, Host, Job, Stack } from './rows.ts'
import { concernOf, safetyOf } from './safety.ts'

const now = new Date('2026-11-23T12:00:00Z')
const host = {
  id: 1,
  name: 'nas1',
  online: true,
  agent_started_at: '2026-11-20T00:00:00Z',
  status: { docker: { reachable: true, version: '28', reason: '' } },
} as Host
const nightly = { id: 3, name: 'nightly' }
const archive = { ...nightly, last_job: null } as Archive

function stack(name: string, over: Partial<Stack> = {}): Stack {
  const last_backup = { id: 1, created_at: '2026-11-23T02:00:00Z', size_bytes: 1, state: 'good' }
  return { id: name.length, name, own: false, gone_at: null, archives: [nightly], last_backup, ...over } as Stack
}

function ask(facts: { hosts?: Host[]; stacks?: Stack[]; archives?: Archive[]; jobs?: Job[] }) {
  const { state, sentence, further, concerns } = safetyOf(
    { hosts: [host], stacks: [], archives: [archive], jobs: [], ...facts },
    now,
  )
  const named = concerns.map(({ stack, why }) => `${stack.name} (${why})`).join(', ')
  return { state, text: named ? `${sentence}: ${named}.` : sentence, further }
}

test('without a host, or without a stack, nothing is backed up', () => {
  expect(ask({ hosts: [] })).toMatchObject({
    state: 'nothing',
    text: 'No host is connected yet, so nothing is backed up.',
  })
  expect(ask({})).toMatchObject({ state: 'nothing', text: 'No stack has been found yet, so nothing is backed up.' })
})

test('all stacks with a good backup: safe, and how old the oldest is', () => {
  const old = stack('wiki', {
    last_backup: { id: 2, created_at: '2026-11-20T12:00:00Z', size_bytes: 1, state: 'good' },
  })
  expect(ask({ stacks: [stack('db'), old] })).toEqual({
    state: 'safe',
    text: 'All 2 stacks have a good backup.',
    further: 'The oldest of these backups was made 3 d ago.',
  })
  expect(ask({ stacks: [old] })).toMatchObject({
    text: 'The one stack found has a good backup.',
    further: 'It was made 3 d ago.',
  })
})

test('stacks in trouble are named, each with its reason', () => {
  const bad = (state: 'incomplete' | 'corrupt' | 'deleted') => ({
    last_backup: { id: 1, created_at: '2026-11-23T02:00:00Z', size_bytes: 1, state },
  })
  const stacks = [
    stack('db'),
    stack('new', { archives: [], last_backup: null }),
    stack('wait', { last_backup: null }),
    stack('torn', bad('incomplete')),
    stack('broken', bad('corrupt')),
    stack('moved', { gone_at: '2026-11-22T00:00:00Z' }),
  ]
  expect(ask({ stacks })).toMatchObject({
    state: 'attention',
    text:
      '5 of 6 stacks need attention: new (not in any archive), wait (no backup yet), torn (the last backup is incomplete), ' +
      'broken (the last backup is corrupt), moved (its directory has vanished).',
  })
})

test('one of several needs attention', () => {
  expect(ask({ stacks: [stack('db'), stack('x', { archives: [] })] }).text).toBe(
    '1 of 2 stacks needs attention: x (not in any archive).',
  )
})

test('our own stack, and a stack that is gone and in no archive, are not counted', () => {
  const stacks = [
    stack('db'),
    stack('archiver', { own: true, archives: [], last_backup: null }),
    stack('old', { archives: [], gone_at: '2026-11-22T00:00:00Z' }),
  ]
  expect(ask({ stacks })).toMatchObject({ state: 'safe', text: 'The one stack found has a good backup.' })
  expect(stacks.map((stack) => concernOf(stack, { archives: [archive], jobs: [] }))).toEqual([null, null, null])
})

test('a failed run after the last backup is a concern, also while the next one runs', () => {
  const failed = { id: 9, status: 'failed' as const, created_at: '2026-11-23T03:00:00Z', end_time: null }
  const text = '1 of 2 stacks needs attention: wiki (the last run made no backup of it).'
  const fresh = stack('db', {
    last_backup: { id: 5, created_at: '2026-11-23T03:10:00Z', size_bytes: 1, state: 'good' },
  })
  const stacks = [fresh, stack('wiki')]
  expect(ask({ stacks, archives: [{ ...archive, last_job: failed }] }).text).toBe(text)

  const running = { ...failed, id: 10, status: 'running' as const, created_at: '2026-11-23T11:59:00Z' }
  const jobs = [
    { ...running, archive_id: 3, job_type: 'archive' },
    { ...failed, archive_id: 3, job_type: 'archive' },
  ] as Job[]
  expect(ask({ stacks, archives: [{ ...archive, last_job: running }], jobs }).text).toBe(text)
})

test('a run that failed before the last backup is forgotten', () => {
  const failed = { id: 9, status: 'failed' as const, created_at: '2026-11-23T01:00:00Z', end_time: null }
  expect(ask({ stacks: [stack('db')], archives: [{ ...archive, last_job: failed }] }).state).toBe('safe')
})

test('hosts in trouble are told even when every stack has a backup', () => {
  const offline = { ...host, online: false }
  expect(ask({ hosts: [offline], stacks: [stack('db'), stack('wiki')] })).toMatchObject({
    state: 'attention',
    text: 'All 2 stacks have a good backup, but the agent of host nas1 is offline.',
  })
  const noDocker = { ...host, status: { docker: { reachable: false } } } as Host
  expect(ask({ hosts: [noDocker], stacks: [stack('db', { archives: [] })] })).toMatchObject({
    text: 'The one stack found needs attention: db (not in any archive).',
    further: 'Docker cannot be reached on host nas1.',
  })
  expect(ask({ hosts: [{ ...host, agent_started_at: null }] }).further).toBe(
    'The agent of host nas1 has never connected.',
  )
})

import { expect, test } from 'vitest'
import type { Archive, Dashboard, Host, Stack } from './rows.ts'
import { concernOf, safetyOf, type Concern } from './safety.ts'

const now = new Date('2026-11-23T12:00:00Z')
const host = {
  id: 1,
  name: 'nas1',
  online: true,
  agent_started_at: '2026-11-20T00:00:00Z',
  last_seen_at: '2026-11-23T11:00:00Z',
  status: { docker: { reachable: true, version: '28', reason: '' } },
} as Host
const nightly = { id: 3, name: 'nightly' }
const archive = {
  ...nightly,
  schedule_enabled: true,
  next_run_at: '2026-11-24T02:00:00Z',
  missed_runs: [],
} as unknown as Archive

function backup(created_at: string, id = 1) {
  return { id, created_at, verified_at: created_at, size_bytes: 1, state: 'good' as const }
}

function stack(name: string, over: Partial<Stack> = {}): Stack {
  const good = backup('2026-11-23T02:00:00Z')
  const of = { id: name.length, name, own: false, gone_at: null, archives: [nightly], last_run: null }
  return { ...of, last_backup: good, newest_backup: over.last_backup ?? good, ...over } as Stack
}

const ended = (status: 'failed' | 'cancelled' | 'success', end_time: string) =>
  ({ job_id: 9, archive_name: 'nightly', status, reason: '', end_time }) as const

function ask(facts: { hosts?: Host[]; stacks?: Stack[]; archives?: Archive[]; dashboard?: Partial<Dashboard> }) {
  const dashboard = {
    maintenance_mode: false,
    storage: { corrupt: 0 },
    archives: [],
    ...facts.dashboard,
  } as unknown as Dashboard
  const safety = safetyOf({ hosts: [host], stacks: [], archives: [archive], ...facts, dashboard }, now)
  const list = (concerns: Concern[]) => concerns.map(({ name, why }) => `${name} (${why})`)
  return {
    state: safety.state,
    text: safety.sentence,
    stacks: list(safety.stacks),
    others: list(safety.others),
    further: safety.further,
  }
}

test('without a host, or without a stack, nothing is backed up', () => {
  expect(ask({ hosts: [] })).toMatchObject({
    state: 'nothing',
    text: 'No host is connected yet, so nothing is backed up.',
  })
  expect(ask({})).toMatchObject({ state: 'nothing', text: 'No stack has been found yet, so nothing is backed up.' })
  expect(ask({ hosts: [{ ...host, online: false }] }).others).toEqual([
    'host nas1 (its agent was last heard of 1 h ago)',
  ])
})

test('all backed up within a day: safe, and when that was made and verified', () => {
  const older = stack('wiki', {
    last_backup: { ...backup('2026-11-22T13:00:00Z'), verified_at: '2026-11-23T08:00:00Z' },
  })
  expect(ask({ stacks: [stack('db'), older] })).toMatchObject({
    state: 'safe',
    text: 'All 2 stacks were backed up in the last 24 h',
    further: ['The oldest of these backups was made 23 h ago; the one verified longest ago was read back 10 h ago.'],
  })
  expect(ask({ stacks: [older] })).toMatchObject({
    text: 'The one stack found was backed up in the last 24 h',
    further: ['It was made 23 h ago, and last read back 4 h ago.'],
  })
})

test('older backups are fine by a schedule, and said to be without one until they are a week old', () => {
  const threeDays = stack('wiki', { last_backup: backup('2026-11-20T12:00:00Z') })
  expect(ask({ stacks: [stack('db'), threeDays] })).toMatchObject({
    state: 'safe',
    text: 'All 2 stacks are backed up by their schedules',
  })
  const byHand = [{ ...archive, schedule_enabled: false, next_run_at: null }]
  expect(ask({ stacks: [stack('db'), threeDays], archives: byHand })).toMatchObject({
    state: 'safe',
    text: 'All 2 stacks have a good backup',
    further: [expect.any(String), 'No schedule makes new backups of any of them.'],
  })
  const old = stack('wiki', { last_backup: backup('2026-11-01T12:00:00Z') })
  expect(ask({ stacks: [old], archives: byHand }).stacks).toEqual([
    'wiki (last backed up 22 d ago, and no schedule makes a new backup)',
  ])
  expect(ask({ stacks: [old] }).state, 'a monthly schedule').toBe('safe')
})

test('stacks in trouble are named, each with its reason', () => {
  const newest = (state: 'incomplete' | 'corrupt') => ({ id: 2, created_at: '2026-11-23T03:00:00Z', state })
  const stacks = [
    stack('db'),
    stack('new', { archives: [], last_backup: null, newest_backup: null }),
    stack('wait', { last_backup: null, newest_backup: null }),
    stack('never', { last_backup: null, newest_backup: null, last_run: ended('failed', '2026-11-23T03:00:00Z') }),
    stack('torn', { newest_backup: newest('incomplete') }),
    stack('only', { last_backup: null, newest_backup: newest('incomplete') }),
    stack('broken', { newest_backup: newest('corrupt') }),
    stack('moved', { gone_at: '2026-11-22T00:00:00Z' }),
  ]
  expect(ask({ stacks, dashboard: { storage: { corrupt: 1 } as Dashboard['storage'] } })).toEqual({
    state: 'attention',
    text: '7 of 8 stacks need attention',
    stacks: [
      'new (not in any archive)',
      'wait (no backup yet)',
      'never (no good backup: its last run failed)',
      'torn (its newest backup is incomplete)',
      'only (its only backup is incomplete)',
      'broken (its newest backup is corrupt)',
      'moved (its directory has vanished)',
    ],
    others: [],
    further: [],
  })
  expect(ask({ stacks: [stack('db'), stack('x', { archives: [] })] }).text).toBe('1 of 2 stacks needs attention')
})

test('our own stack, and a stack that is gone and in no archive, are not counted', () => {
  const stacks = [
    stack('db'),
    stack('archiver', { own: true, archives: [], last_backup: null }),
    stack('old', { archives: [], gone_at: '2026-11-22T00:00:00Z' }),
  ]
  expect(ask({ stacks })).toMatchObject({ state: 'safe', text: 'The one stack found was backed up in the last 24 h' })
  expect(stacks.map((stack) => concernOf(stack, { archives: [archive] }, now))).toEqual([null, null, null])
})

test('a run that failed after the last backup is a concern, one before it is not', () => {
  const failedLater = stack('wiki', { last_run: ended('failed', '2026-11-23T03:00:00Z') })
  const cancelled = stack('mail', { last_run: ended('cancelled', '2026-11-23T03:00:00Z') })
  const failedBefore = stack('db', { last_run: ended('failed', '2026-11-23T01:00:00Z') })
  expect(ask({ stacks: [failedLater, cancelled, failedBefore] }).stacks).toEqual([
    'wiki (its last run failed)',
    'mail (its last run was cancelled)',
  ])
})

test('missed and overdue runs are a concern until something newer is made', () => {
  const missed = (scheduled_for: string) => [{ ...archive, missed_runs: [{ scheduled_for, reason: 'late' }] }]
  expect(ask({ stacks: [stack('db')], archives: missed('2026-11-23T06:00:00Z') }).stacks).toEqual([
    'db (the run due 6 h ago was missed)',
  ])
  expect(ask({ stacks: [stack('db')], archives: missed('2026-11-23T01:00:00Z') }).state).toBe('safe')
  const overdue = [{ ...archive, next_run_at: '2026-11-23T11:30:00Z' }]
  expect(ask({ stacks: [stack('db')], archives: overdue }).stacks).toEqual([
    'db (the run due 30 min ago has not started)',
  ])
})

test('what is amiss beside stacks is told even when every stack has a backup', () => {
  const storage = { corrupt: 2 } as Dashboard['storage']
  const other = { ...archive, id: 4, name: 'weekly' }
  const archives = [{ archive_id: 4, last_result: ended('failed', '2026-11-23T03:00:00Z'), days: [] }]
  expect(
    ask({
      hosts: [host, { ...host, name: 'nas2', online: false }, { ...host, name: 'nas3', agent_started_at: null }],
      stacks: [stack('db')],
      archives: [archive, other],
      dashboard: { maintenance_mode: true, storage, archives },
    }),
  ).toMatchObject({
    state: 'attention',
    text: 'The one stack found was backed up in the last 24 h',
    stacks: [],
    others: [
      'archive weekly (its last run failed)',
      'host nas2 (its agent was last heard of 1 h ago)',
      'host nas3 (its agent has never connected)',
      '2 backups (they are corrupt)',
    ],
    further: [expect.any(String), 'Maintenance mode is on: schedules wait until it is off.'],
  })
  const noDocker = { ...host, status: { docker: { reachable: false } } } as Host
  expect(ask({ hosts: [noDocker], stacks: [stack('db')] }).others).toEqual([
    'host nas1 (Docker cannot be reached there)',
  ])
})

import { expect, test } from 'vitest'
import { adviceFor, paceOf, phasesOf, stepsOf, titleOf } from './job-facts.ts'
import type { Job, JobStack } from './rows.ts'

const at = (second: number) => new Date(Date.UTC(2026, 10, 23, 1, 0, second)).toISOString()
const now = new Date(at(30))

const job = (more: Partial<Job>): Job =>
  ({
    job_type: 'archive',
    archive_name: 'nightly',
    status: 'running',
    triggered_by: 'manual',
    created_at: at(0),
    start_time: at(1),
    end_time: null,
    options: {},
    phase_times: {},
    ...more,
  }) as Job

test('a job is called after what it does', () => {
  expect(titleOf(job({}))).toBe('nightly')
  expect(titleOf(job({ job_type: 'retention' }))).toBe('Retention of nightly')
  expect(titleOf(job({ job_type: 'cleanup', archive_name: '' }))).toBe('Cleanup')
  expect(titleOf(job({ job_type: 'cleanup', options: { action: 'permissions' } }))).toBe('Permissions of backups')
  expect(titleOf(job({ job_type: 'verify', triggered_by: 'schedule' }))).toBe('Rolling verify')
  expect(titleOf(job({ job_type: 'cleanup', options: { action: 'trash_backups', backup_ids: [1, 2] } }))).toBe(
    '2 backups of nightly to the trash',
  )
})

test('phases have times as far as they have begun; what never came was left out', () => {
  const states = (more: Partial<Job>) =>
    phasesOf(job(more), now).map(({ name, state, seconds }) => [name, state, seconds])
  expect(states({ start_time: null, status: 'queued' }).map(([, state]) => state)).toEqual([
    'now',
    'ahead',
    'ahead',
    'ahead',
  ])
  expect(states({ phase_times: { 2: at(21) } })).toEqual([
    [0, 'done', 1],
    [1, 'done', 20],
    [2, 'now', 9],
    [3, 'ahead', null],
  ])
  expect(states({ status: 'failed', end_time: at(11), phase_times: { 3: at(10) } })).toEqual([
    [0, 'done', 1],
    [1, 'done', 9],
    [2, 'skipped', null],
    [3, 'done', 1],
  ])
  expect(states({ job_type: 'retention' }).map(([name]) => name)).toEqual([0, 2, 3])
  expect(states({ job_type: 'verify' })).toEqual([])
})

test('the steps of a stack that was not stopped leave out stopping and starting', () => {
  const stack: Pick<JobStack, 'steps' | 'progress' | 'end_time'> = {
    steps: [
      { phase: 'resolve', at: at(1) },
      { phase: 'pack', at: at(3) },
      { phase: 'verify', at: at(9) },
    ],
    progress: null,
    end_time: at(12),
  }
  expect(stepsOf(stack, now).filter(({ state }) => state === 'done')).toMatchObject([
    { name: 'resolve', seconds: 2 },
    { name: 'pack', seconds: 6 },
    { name: 'verify', seconds: 3 },
  ])
  const running = { steps: stack.steps.slice(0, 2), end_time: null, progress: progress(0, null) }
  expect(stepsOf(running, now).map(({ state }) => state)).toEqual([
    ...['done', 'done', 'done', 'now'],
    ...['ahead', 'ahead', 'ahead'],
  ])
})

const progress = (bytes: number, total_bytes: number | null) => ({
  phase: 'pack' as const,
  files: 1,
  bytes,
  total_bytes,
  stopped_at: null,
})

test('time left is told where the whole is known, and speed once there is something to measure', () => {
  const steps = [{ phase: 'pack' as const, at: at(20) }]
  expect(paceOf({ progress: progress(1000, 4000), steps }, now)).toEqual({ speed: 100, left: 30 })
  expect(paceOf({ progress: progress(1000, null), steps }, now)).toEqual({ speed: 100, left: null })
  expect(paceOf({ progress: progress(5000, 4000), steps }, now)).toEqual({ speed: 500, left: null })
  expect(paceOf({ progress: progress(1000, 4000), steps: [{ phase: 'pack', at: at(29) }] }, now)).toBeNull()
  expect(paceOf({ progress: null, steps }, now)).toBeNull()
})

test('known reasons come with what to do next', () => {
  expect(adviceFor('wiki: Not enough space in /archives: 1 MiB are free')).toContain('Make room')
  expect(adviceFor('the agent of host local was restarted during this step')).toContain('once more')
  expect(adviceFor('something nobody has seen before')).toBe('')
})

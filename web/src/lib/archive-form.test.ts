import { expect, test } from 'vitest'
import { bodyOf, excludeProblem, formOf, newForm, type ArchiveForm } from './archive-form.ts'
import { currentJob, scheduleOf, sentenceOf, stacksOf } from './archive-view.ts'
import type { Archive, ArchiveBody, Host } from './rows.ts'

const good = (): ArchiveForm => ({ ...newForm('Europe/Berlin', [7]), name: '  nightly ' })
const body = (form: ArchiveForm) => (bodyOf(form) as { body: ArchiveBody }).body
const errors = (form: ArchiveForm) => Object.keys((bodyOf(form) as { errors: object }).errors)

test('a new archive begins with the defaults; minutes and hours are sent as seconds, lines as a list', () => {
  const form = { ...good(), downtime_minutes: 0.5, catch_up_hours: 1.5, exclude: '*.log\r\n\n  \n/cache/' }
  expect(body({ ...form, schedule_enabled: true })).toEqual({
    name: 'nightly',
    stack_ids: [7],
    all_stacks_of_host: null,
    mode: 'stop',
    include_volumes: true,
    include_bind_mounts: false,
    exclude: ['*.log', '/cache/'],
    format: 'tar.zst',
    level: 3,
    max_downtime: 30,
    schedule_enabled: true,
    schedule_cron: '0 3 * * *',
    catch_up_window: 5400,
    time_zone: 'Europe/Berlin',
    retention_keep_days: 7,
    retention_keep_weeks: 4,
    retention_keep_months: 6,
    retention_keep_years: 2,
    retention_one_per_day: false,
  })
})

test('each wrong field is named as the API names it', () => {
  const form = good()
  expect(
    errors({
      ...form,
      name: ' ',
      stack_ids: [],
      exclude: 'fine\n[open',
      level: 3.5,
      downtime_minutes: null,
      schedule_enabled: true,
      schedule: { ...form.schedule, cron: ' ' },
      catch_up_hours: 169,
      time_zone: 'Mars/Olympus',
      keep_weeks: -1,
    }),
  ).toEqual([
    'name',
    'stack_ids',
    'exclude',
    'level',
    'max_downtime',
    'schedule_cron',
    'catch_up_window',
    'time_zone',
    'retention_keep_weeks',
  ])
  expect(errors({ ...form, keep_days: 0, keep_weeks: 0, keep_months: 0, keep_years: 0 })).toEqual([
    'retention_keep_days',
  ])
})

test('all stacks of a host need no others', () => {
  expect(body({ ...good(), stack_ids: [], all_stacks_of_host: 2 })).toMatchObject({
    stack_ids: [],
    all_stacks_of_host: 2,
  })
})

test('what means nothing is neither judged nor sent: a level of what is not compressed, a schedule that is off', () => {
  const off = {
    ...good(),
    format: 'folder' as const,
    level: 99,
    catch_up_hours: null,
    schedule: { ...good().schedule, cron: '' },
  }
  expect(body(off)).not.toHaveProperty('level')
  expect(body(off)).not.toHaveProperty('schedule_cron')
  expect(body(off)).not.toHaveProperty('catch_up_window')
})

test('a wrong pattern is named by its line, blank ones counted', () => {
  expect(excludeProblem('*.log\n\n../up')).toMatchObject({ line: 3 })
  expect(excludeProblem(`a\n${'b'.repeat(1001)}`)).toMatchObject({
    line: 2,
    text: 'must have at most 1,000 characters',
  })
  expect(excludeProblem('')).toBeNull()
})

const archive = {
  ...body({ ...good(), schedule_enabled: true }),
  last_job: null,
  last_result: null,
} as unknown as Archive
const hosts = [{ id: 2, name: 'nas' }] as Host[]

test('what was saved is shown as it was typed', () => {
  expect(bodyOf(formOf(archive))).toEqual({ body: body({ ...good(), schedule_enabled: true }) })
})

test('one sentence says what an archive does', () => {
  expect(sentenceOf(archive, hosts, 'Europe/Berlin')).toBe(
    'Every day at 03:00 it stops 1 stack, packs it with named volumes as tar.zst, and keeps backups of 7 days, 4 weeks, 6 months and 2 years.',
  )
  expect(
    sentenceOf(
      { ...archive, schedule_enabled: false, mode: 'live', format: 'folder', all_stacks_of_host: 2, stack_ids: [] },
      hosts,
      'UTC',
    ),
  ).toMatch(/^When somebody presses Run, it packs all stacks of nas while they run, with named volumes into a folder,/)
  expect(scheduleOf(archive, 'UTC')).toBe('Every day at 03:00 (Europe/Berlin time)')
  expect(stacksOf({ ...archive, all_stacks_of_host: 2 }, hosts)).toBe('all stacks of nas and 1 other')
})

test('a job that has ended is no current one', () => {
  const job = { id: 1, status: 'running' as const, created_at: '', end_time: null }
  expect(currentJob({ ...archive, last_job: job })).toBe(job)
  expect(currentJob({ ...archive, last_job: { ...job, status: 'failed' } })).toBeNull()
})

import { expect, test } from 'vitest'
import { defaultSettings } from './settings.ts'
import { trashEnd } from './trash.ts'

const usual = { ...defaultSettings.cleanup, cron: '30 2 * * *', time_zone: 'UTC', trash_days: 7 }
const trashed = { trashed_at: new Date('2026-11-20T12:00:00Z'), pinned: false }
const defaults = { timeZone: 'Europe/Berlin', now: new Date('2026-11-23T12:00:00Z') }

test('it goes with the first cleanup after its days', () => {
  expect(trashEnd(trashed, usual, defaults)).toEqual(new Date('2026-11-28T02:30:00Z'))
  expect(trashEnd(trashed, { ...usual, time_zone: '' }, defaults)).toEqual(new Date('2026-11-28T01:30:00Z'))
})

test('what is overdue goes with the next cleanup', () => {
  expect(trashEnd(trashed, { ...usual, trash_days: 1 }, defaults)).toEqual(new Date('2026-11-24T02:30:00Z'))
})

test('nothing is said of what no cleanup deletes', () => {
  expect(trashEnd({ ...trashed, trashed_at: null }, usual, defaults)).toBe(null)
  expect(trashEnd({ ...trashed, pinned: true }, usual, defaults)).toBe(null)
  for (const off of [{ enabled: false }, { dry_run: true }, { tasks: [] }])
    expect(trashEnd(trashed, { ...usual, ...off }, defaults)).toBe(null)
})

import { expect, test } from 'vitest'
import { beginOf } from './day-begin.ts'

test.each([
  ['2026-11-23', 'UTC', 0, '2026-11-23T00:00:00.000Z'],
  ['2026-11-23', 'Europe/Berlin', 0, '2026-11-22T23:00:00.000Z'],
  ['2026-10-25', 'Europe/Berlin', 0, '2026-10-24T22:00:00.000Z'],
  ['2026-10-25', 'Europe/Berlin', 1, '2026-10-25T23:00:00.000Z'],
  ['2026-12-31', 'Asia/Kolkata', 1, '2026-12-31T18:30:00.000Z'],
  ['2026-02-30', 'UTC', 0, undefined],
  ['yesterday', 'UTC', 0, undefined],
])('%s in %s and %d days later begins at %s', (day, zone, later, begin) => {
  expect(beginOf(day, zone, later)).toBe(begin)
})

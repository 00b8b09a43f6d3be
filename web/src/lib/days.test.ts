import { expect, test } from 'vitest'
import { dayByKey, dayName, historyOf, lastDays, stateOf, sumOf, textOf, weeksOf } from './days.ts'

test('a day is shown as the worst that happened on it, whatever runs now', () => {
  expect(stateOf({ success: 3, failed: 1, running: 1 })).toBe('failed')
  expect(stateOf({ success: 3, missed: 1 })).toBe('missed')
  expect(stateOf({ success: 3, warning: 1 })).toBe('warning')
  expect(stateOf({ success: 1, running: 1 })).toBe('success')
  expect(stateOf({ running: 1 })).toBe('running')
  expect(stateOf(undefined)).toBe('none')
})

test('its text says all of it', () => {
  expect(textOf({ success: 1200, failed: 1, missed: 2, running: 1 })).toBe(
    '1 failed, 2 missed, 1,200 succeeded, 1 running',
  )
  expect(textOf({})).toBe('nothing was due')
  expect(textOf(sumOf([{ success: 1 }, { success: 2, missed: 1 }]))).toBe('1 missed, 3 succeeded')
})

test('the last days end today, over the ends of months and years', () => {
  const known = { day: '2027-01-01', success: 1 }
  expect(lastDays('2027-01-02', 3, [known])).toEqual([
    { day: '2026-12-31', results: undefined },
    { day: '2027-01-01', results: known },
    { day: '2027-01-02', results: undefined },
  ])
  expect(dayName('2026-11-23')).toBe('Mon 23 Nov 2026')
})

test('weeks begin on Monday, and name the month that begins in them', () => {
  const weeks = weeksOf(lastDays('2026-11-04', 10, []))
  expect(weeks.map(({ month, days }) => [month, ...days.map((cell) => cell?.day.slice(5) ?? '')])).toEqual([
    ['Nov', '10-26', '10-27', '10-28', '10-29', '10-30', '10-31', '11-01'],
    ['', '11-02', '11-03', '11-04', '', '', '', ''],
  ])
})

test('keys go to the next day that has something on it', () => {
  const days = ['2026-11-01', '2026-11-02', '2026-11-05', '2026-11-12']
  const from = (day: string, key: string) => dayByKey(days, day, key)
  expect(from('2026-11-02', 'ArrowDown')).toBe('2026-11-05')
  expect(from('2026-11-05', 'ArrowUp')).toBe('2026-11-02')
  expect(from('2026-11-05', 'ArrowRight')).toBe('2026-11-12')
  expect(from('2026-11-12', 'ArrowLeft')).toBe('2026-11-05')
  expect(from('2026-11-12', 'ArrowRight'), 'there is none').toBe('2026-11-12')
  expect(from('2026-11-05', 'Home')).toBe('2026-11-01')
  expect(from('2026-11-05', 'End')).toBe('2026-11-12')
  expect(from('2026-11-05', 'Tab')).toBeUndefined()
})

test('a day leads to its jobs', () => {
  expect(historyOf('2026-11-05')).toBe('/history?from=2026-11-05&to=2026-11-05')
  expect(historyOf('2026-11-05', 3)).toBe('/history?from=2026-11-05&to=2026-11-05&archive=3')
})

import { expect, test } from 'vitest'
import {
  clock,
  count,
  countdown,
  duration,
  exact,
  plural,
  relative,
  runTime,
  share,
  size,
  timeOfDay,
} from './format.ts'

const now = new Date('2026-11-23T12:00:00Z')
const ago = (seconds: number) => relative(new Date(now.getTime() - seconds * 1000), now)

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [1536, '1.50 KiB'],
  [1024 ** 2 - 1, '1.00 MiB'],
  [734_003_200, '700 MiB'],
  [12.34 * 1024 ** 3, '12.3 GiB'],
  [5 * 1024 ** 5, '5.00 PiB'],
])('%d bytes read as %s', (bytes, text) => expect(size(bytes)).toBe(text))

test.each([
  [0, '0 s'],
  [0.44, '0.4 s'],
  [9.96, '10 s'],
  [59.6, '1 min'],
  [75, '1 min 15 s'],
  [7260, '2 h 1 min'],
  [7200, '2 h'],
])('%d seconds read as %s', (seconds, text) => expect(duration(seconds)).toBe(text))

test.each([
  [3, '00:03'],
  [-2, '00:00'],
  [75.9, '01:15'],
  [3723, '1:02:03'],
])('a stopwatch at %d seconds shows %s', (seconds, text) => expect(clock(seconds)).toBe(text))

test.each([
  [3, 'just now'],
  [59, '59 s ago'],
  [119, '1 min ago'],
  [7200, '2 h ago'],
  [3 * 86_400, '3 d ago'],
  [-300, 'in 5 min'],
  [400 * 86_400, '13 months ago'],
])('%d seconds ago reads as %s', (seconds, text) => expect(ago(seconds)).toBe(text))

test('exact times are those of the display time zone, also across a change of the clocks', () => {
  expect(exact(new Date('2026-07-01T22:30:05Z'), 'Europe/Berlin')).toBe('02 Jul 2026, 00:30:05')
  expect(exact(new Date('2026-12-01T22:30:05Z'), 'Europe/Berlin')).toBe('01 Dec 2026, 23:30:05')
  expect(timeOfDay(new Date('2026-12-01T22:30:05Z'), 'Asia/Kolkata')).toBe('04:00:05')
})

test('counts carry separators and agree with their noun', () => {
  expect(count(1_234_567)).toBe('1,234,567')
  expect([plural(1, 'stack'), plural(0, 'stack'), plural(2, 'match', 'matches')]).toEqual([
    '1 stack',
    '0 stacks',
    '2 matches',
  ])
})

test.each([
  [-5, '0 s'],
  [8.2, '9 s'],
  [249, '4 min 09 s'],
  [3600, '1 h 00 min'],
  [18_720, '5 h 12 min'],
  [183_600, '2 d 3 h'],
])('%d seconds before a run, %s are left', (seconds, text) => expect(countdown(seconds)).toBe(text))

test('a run to come has its weekday in the zone it is planned in', () => {
  const at = new Date('2026-11-23T23:30:00Z')
  expect(runTime(at, 'UTC')).toBe('Mon 23 Nov 2026, 23:30')
  expect(runTime(at, 'Asia/Tokyo')).toBe('Tue 24 Nov 2026, 08:30')
})

test('a share is all only when nothing is missing', () => {
  expect([share(0, 10), share(999, 1000), share(12, 10), share(0, 0)]).toEqual(['0 %', '99 %', '100 %', '100 %'])
})

import { expect, test } from 'vitest'
import { asText, cutAtMatches, lineOf, matches } from './log-lines.ts'
import type { LogLine } from './rows.ts'

const line = (number: number, more: Partial<LogLine> = {}): LogLine => ({
  line: number,
  at: '2026-11-23T12:00:00Z',
  level: 'info',
  text: `Line ${number}`,
  stack_name: null,
  ...more,
})

test('a line matches by stack, by level or a graver one, by text whatever its case, and by its number', () => {
  const warning = line(7, { level: 'warn', stack_name: 'wiki' })
  expect(matches(warning, { after: 0 })).toBe(true)
  expect(matches(warning, { after: 0, level: 'info', stack: 'wiki', search: 'LINE 7' })).toBe(true)
  expect(matches(warning, { after: 0, level: 'error' })).toBe(false)
  expect(matches(warning, { after: 0, stack: 'wik' })).toBe(false)
  expect(matches(warning, { after: 0, search: 'line 8' })).toBe(false)
  expect(matches(warning, { after: 7 })).toBe(false)
})

test('matches are cut out of their line', () => {
  expect(cutAtMatches('Stop, stopped, STOP', 'stop')).toEqual(['', 'Stop', ', ', 'stop', 'ped, ', 'STOP', ''])
  expect(cutAtMatches('nothing', 'x')).toEqual(['nothing'])
  expect(cutAtMatches('İstanbul stop', 'stop').join('')).toBe('İstanbul stop')
})

test('copied text carries time, level and stack', () => {
  expect(asText([line(1, { stack_name: 'wiki' }), line(2)], 'Europe/Berlin')).toBe(
    '13:00:00 INFO  [wiki] Line 1\n13:00:00 INFO  Line 2',
  )
})

test('an address may point at a line', () => {
  expect(['#L12', '#L0', '#L1x', '', '#12'].map(lineOf)).toEqual([12, null, null, null, null])
})

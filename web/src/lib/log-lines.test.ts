import { expect, test } from 'vitest'
import { asText, chunkSize, cutAtMatches, inChunks, matching } from './log-lines.ts'
import type { LogLine } from './rows.ts'

const lines = (from: number, to: number): LogLine[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({
    line: from + at,
    at: '2026-11-23T12:00:00Z',
    level: 'info',
    text: `line ${from + at}`,
    stack_name: (from + at) % 2 ? 'wiki' : null,
  }))

test('lines that arrive bit by bit keep their order, and full chunks are left as they are', () => {
  let chunks = inChunks([], lines(1, 150))
  chunks = inChunks(chunks, lines(151, 450))
  const [first] = chunks
  chunks = inChunks(chunks, lines(451, 600))
  chunks = inChunks(chunks, lines(601, 601))
  expect(chunks.map((chunk) => chunk.length)).toEqual([chunkSize, chunkSize, chunkSize, 1])
  expect(chunks[0]).toBe(first)
  expect(chunks.flat().map(({ line }) => line)).toEqual(Array.from({ length: 601 }, (_, at) => at + 1))
})

test('search looks at text and stack, whatever the case', () => {
  const chunks = inChunks([], lines(1, 500))
  expect(matching(chunks, 'LINE 49').flat()).toHaveLength(11)
  expect(matching(chunks, 'Wiki').flat()).toHaveLength(250)
  expect(matching(chunks, '')).toBe(chunks)
})

test('matches are cut out of their line', () => {
  expect(cutAtMatches('Stop, stopped, STOP', 'stop')).toEqual(['', 'Stop', ', ', 'stop', 'ped, ', 'STOP', ''])
  expect(cutAtMatches('nothing', 'x')).toEqual(['nothing'])
  expect(cutAtMatches('İstanbul stop', 'stop').join('')).toBe('İstanbul stop')
})

test('copied text carries time, level and stack', () => {
  expect(asText([lines(1, 2)], 'Europe/Berlin')).toBe('13:00:00 INFO  [wiki] line 1\n13:00:00 INFO  line 2')
})

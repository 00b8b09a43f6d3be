import { expect, test } from 'vitest'
import { axisFor, chartOf, spread } from './stack-areas.ts'

const GiB = 1024 ** 3

test('areas lie upon each other, others last', () => {
  const { areas, top } = chartOf(
    {
      days: ['2026-11-22', '2026-11-23'],
      stacks: [{ stack_id: 7, stack_name: 'wiki', bytes: [0, 2] }],
      others: { stack_id: null, stack_name: '', bytes: [1, 2] },
    },
    'All others',
  )
  expect(top).toBe(4)
  expect(areas).toMatchObject([
    { stack_id: 7, name: 'wiki', now: 2, path: 'M0,100 L1000,50 L1000,100 L0,100 Z' },
    { stack_id: null, name: 'All others', now: 2, path: 'M0,75 L1000,0 L1000,50 L0,100 Z' },
  ])
})

test('the axis ends at a round number of binary units', () => {
  expect(axisFor(3.2 * GiB)).toEqual({ top: 4 * GiB, ticks: [0, 1, 2, 3, 4].map((n) => n * GiB) })
  expect(axisFor(2.2 * GiB).top).toBe(3 * GiB)
  expect(axisFor(0)).toEqual({ top: 1, ticks: [0, 1] })
})

test('a few days stand for all', () => {
  expect(spread(53, 3)).toEqual([0, 26, 52])
  expect(spread(2, 3)).toEqual([0, 1])
  expect(spread(1, 3)).toEqual([0])
  expect(spread(0, 3)).toEqual([])
})

test('one day alone, or nothing stored, is no division by nothing', () => {
  const one = { days: ['2026-11-23'], stacks: [{ stack_id: 7, stack_name: 'wiki', bytes: [0] }], others: null }
  expect(chartOf(one, '').areas[0]?.path).toBe('M0,100 L0,100 Z')
})

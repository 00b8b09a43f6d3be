import { expect, test } from 'vitest'
import { around, endOf, isBefore, moved, placeAt, shareOf, start, type Extent, type Place } from './log-scroll.ts'

const even: Extent = { count: 1_000_000, view: 500, height: () => 20 }
const valueOf = ({ row, offset }: Place) => row + offset / 1000
const uneven: Extent = { count: 100, view: 500, height: (row) => (row % 10 === 0 ? 200 : 20) }

test('wheel and keys move by pixels, whatever the rows measure', () => {
  expect(moved(start, 50, even)).toEqual({ row: 2, offset: 10 })
  expect(moved({ row: 2, offset: 10 }, -50, even)).toEqual(start)
  expect(moved(start, 150, uneven)).toEqual({ row: 0, offset: 150 })
  expect(moved(start, 230, uneven)).toEqual({ row: 2, offset: 10 })
  const there = moved(start, 1234, uneven)
  expect(moved(there, -1234, uneven)).toEqual(start)
})

test('nothing goes beyond either end', () => {
  expect(moved(start, -100, even)).toEqual(start)
  expect(endOf(even)).toEqual({ row: 999_975, offset: 0 })
  expect(moved({ row: 999_970, offset: 0 }, 5000, even)).toEqual(endOf(even))
  expect(endOf({ ...even, count: 3 })).toEqual(start)
  expect(endOf({ ...even, count: 0 })).toEqual(start)
})

test('the scroll bar reaches the beginning, the end, and every place between', () => {
  for (const extent of [even, uneven]) {
    expect(placeAt(0, extent)).toEqual(start)
    expect(valueOf(placeAt(1, extent))).toBeCloseTo(valueOf(endOf(extent)), 6)
    const place = placeAt(0.4, extent)
    expect(shareOf(place, extent)).toBeCloseTo(0.4, 6)
    expect(isBefore(start, place) && isBefore(place, endOf(extent))).toBe(true)
  }
  expect(shareOf(start, { ...even, count: 2 })).toBe(0)
})

test('a line that is looked for stands in the middle', () => {
  expect(around(500, even)).toEqual({ row: 488, offset: 0 })
  expect(around(3, even)).toEqual(start)
  expect(around(999_999, even)).toEqual(endOf(even))
})

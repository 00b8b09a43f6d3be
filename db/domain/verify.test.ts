import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseToVerify, verifySchedule, type VerifiedBackup } from './verify.ts'

const dayLong = 86_400_000
const now = new Date('2026-11-23T02:30:00Z')
const daysAgo = (days: number) => new Date(now.getTime() - days * dayLong)
const backup = (id: number, days: number, size_bytes = 100): VerifiedBackup => ({
  id,
  verified_at: daysAgo(days),
  size_bytes,
})

describe('chooseToVerify', () => {
  test('nothing to read: nothing is chosen', () => expect(chooseToVerify([], now)).toEqual([]))

  test('one a day of a few, the longest unread first', () => {
    expect(chooseToVerify([backup(1, 5), backup(2, 20), backup(3, 10)], now)).toEqual([2])
  })

  test('a 25th of many of one size', () => {
    const many = Array.from({ length: 1000 }, (_, index) => backup(index + 1, 10))
    expect(chooseToVerify(many, now)).toEqual(many.slice(0, 40).map(({ id }) => id))
  })

  test('what was read yesterday is left alone', () => {
    expect(chooseToVerify([backup(1, 0.5), backup(2, 1.9)], now)).toEqual([])
  })

  test('older than 28 days: always, however much it is', () => {
    const many = Array.from({ length: 100 }, (_, index) => backup(index + 1, 28.1, 10 ** 12))
    expect(chooseToVerify([...many, backup(101, 27)], now)).toHaveLength(100)
  })

  test('a large one is enough for a day', () => {
    const small = Array.from({ length: 50 }, (_, index) => backup(index + 2, 10, 1))
    expect(chooseToVerify([backup(1, 12, 10 ** 9), ...small], now)).toEqual([1])
  })

  test('empty backups are read, too', () =>
    expect(chooseToVerify([backup(1, 9, 0), backup(2, 8, 0)], now)).toEqual([1]))

  test('day by day, each is read at least every 30 days, and no day reads much more than its part', () => {
    const sizes = fc.array(fc.oneof(fc.nat(10), fc.integer({ min: 10 ** 6, max: 10 ** 9 })), {
      minLength: 1,
      maxLength: 200,
    })
    fc.assert(
      fc.property(sizes, fc.boolean(), (sizes, atOnce) => {
        // all made on one day, as after moving in, or one a day over four weeks
        let live = sizes.map((size, id) => backup(id, atOnce ? 3 : id % 25, size))
        const all = sizes.reduce((sum, size) => sum + size, 0)
        for (let day = 0; day < 80; day++) {
          const today = new Date(now.getTime() + day * dayLong)
          const oldest = Math.min(...live.map(({ verified_at }) => verified_at.getTime()))
          expect(today.getTime() - oldest).toBeLessThanOrEqual(30 * dayLong)
          const chosen = new Set(chooseToVerify(live, today))
          const read = live.filter(({ id }) => chosen.has(id))
          const largest = Math.max(...sizes)
          expect(read.reduce((sum, { size_bytes }) => sum + size_bytes, 0)).toBeLessThanOrEqual(
            (2 * all) / 25 + largest,
          )
          expect(read.length).toBeLessThanOrEqual((2 * sizes.length) / 25 + 1)
          live = live.map((one) => (chosen.has(one.id) ? { ...one, verified_at: today } : one))
        }
      }),
      { numRuns: 60 },
    )
  })
})

test.each([
  ['30 2 * * *', '30 2 * * *'],
  ['5 4 * * 0', '5 4 * * *'],
  ['*/5 * * * *', '30 2 * * *'],
  ['@daily', '30 2 * * *'],
])('with a cleanup at %s, backups are read back at %s', (cleanup, verify) =>
  expect(verifySchedule(cleanup)).toBe(verify),
)

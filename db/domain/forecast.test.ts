import fc from 'fast-check'
import { expect, test } from 'vitest'
import { whenItGoes } from './forecast.ts'
import { decideRetention, placesOf, type RetentionBackup, type RetentionPolicy } from './retention.ts'
import { nextRuns } from './schedule.ts'

const day = 86_400_000
const now = new Date('2026-11-23T12:00:00Z')
const none: RetentionPolicy = { keep_days: 0, keep_weeks: 0, keep_months: 0, keep_years: 0, one_per_day: true }
const nightly = { cron: '0 3 * * *', timeZone: 'UTC', now }

/** One each night, the newest last night; id 1 is the newest. */
function nights(count: number): RetentionBackup[] {
  return Array.from({ length: count }, (_, at) => ({
    id: at + 1,
    created_at: new Date(Date.parse('2026-11-23T03:00:00Z') - at * day),
    state: 'good' as const,
    pinned: false,
  }))
}

const goes = (id: number, backups: RetentionBackup[], policy: Partial<RetentionPolicy>, cron = nightly.cron) => {
  const backup = backups.find((backup) => backup.id === id)
  if (!backup) throw new Error(`There is no ${id}`)
  return whenItGoes(backup, backups, { ...none, ...policy }, { ...nightly, cron })?.toISOString() ?? null
}

test('what the days rule keeps goes when so many newer days have one', () => {
  const backups = nights(7)
  expect(goes(7, backups, { keep_days: 7 })).toBe('2026-11-24T03:00:00.000Z')
  expect(goes(1, backups, { keep_days: 7 })).toBe('2026-11-30T03:00:00.000Z')
})

test('the newest of its week stays for so many weeks', () => {
  // Sunday, 22 November is the newest of week 47; three more weeks have one from Monday, 7 December on
  expect(goes(2, nights(7), { keep_weeks: 3 })).toBe('2026-12-07T03:00:00.000Z')
  // last night's is displaced by tonight's
  expect(goes(1, nights(7), { keep_weeks: 3 })).toBe('2026-11-24T03:00:00.000Z')
})

test('what no rule keeps goes with the next run', () => {
  expect(goes(3, nights(3), { keep_days: 2 })).toBe('2026-11-24T03:00:00.000Z')
})

test('a schedule that runs each hour is told by the day', () => {
  expect(goes(2, nights(2), { keep_days: 3 }, '0 * * * *')?.slice(0, 10)).toBe('2026-11-25')
})

test('no date for what is pinned, not good, or kept for longer than can be looked ahead', () => {
  const [first, ...rest] = nights(3)
  if (!first) throw new Error('none')
  expect(goes(1, [{ ...first, pinned: true }, ...rest], { keep_days: 2 })).toBe(null)
  expect(goes(1, [{ ...first, state: 'incomplete' }, ...rest], { keep_days: 2 })).toBe(null)
  expect(goes(3, nights(3), { keep_years: 5 })).toBe(null)
})

test('a schedule that never comes round is refused, as it is where it comes in', () => {
  expect(() => goes(1, nights(2), { keep_days: 1 }, '0 0 30 2 *')).toThrow()
})

test('it is the run after which retention, run by run, has removed it', () => {
  const policies = fc.record({
    keep_days: fc.integer({ min: 1, max: 6 }),
    keep_weeks: fc.integer({ min: 0, max: 3 }),
    keep_months: fc.integer({ min: 0, max: 2 }),
    keep_years: fc.constant(0),
    one_per_day: fc.boolean(),
  })
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 11 }), (policy, count, at) => {
      const backups = nights(count)
      const backup = backups[at % count]
      if (!backup) return
      let left = backups
      let removed: Date | null = null
      const runs = nextRuns(nightly.cron, { timeZone: 'UTC', after: now, count: 120 })
      for (const [index, created_at] of runs.entries()) {
        left = [...left, { id: -1 - index, created_at, state: 'good', pinned: false }]
        const kept = new Set(decideRetention(left, policy, 'UTC').flatMap(({ id, keep }) => (keep ? [id] : [])))
        left = left.filter(({ id }) => kept.has(id))
        if (removed === null && !kept.has(backup.id)) removed = created_at
      }
      expect(whenItGoes(backup, backups, policy, nightly)).toEqual(removed)
    }),
    { numRuns: 15 },
  )
})

test('the places that rules give a backup are told by their numbers', () => {
  const backups = nights(9)
  const [newest] = backups
  const oldest = backups.at(-1)
  if (!newest || !oldest) throw new Error('none')
  const policy = { ...none, keep_days: 7, keep_weeks: 4 }
  expect(placesOf(newest, backups, policy, 'UTC')).toEqual([
    { rule: 'day', nth: 1, of: 7, oldest: false },
    { rule: 'week', nth: 1, of: 4, oldest: false },
  ])
  // Sunday, 15 November: the newest of its week, and the oldest there is
  expect(placesOf(oldest, backups, policy, 'UTC')).toEqual([{ rule: 'week', nth: 3, of: 4, oldest: false }])
})

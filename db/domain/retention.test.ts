import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BackupState } from './backup.ts'
import recorded from './retention.golden.json' with { type: 'json' }
import {
  decideRetention,
  keepsNothing,
  planRetention,
  waitsFor,
  type MeasuredBackup,
  type RetentionBackup,
  type RetentionPolicy,
} from './retention.ts'

const nothing = { keep_days: 0, keep_weeks: 0, keep_months: 0, keep_years: 0, one_per_day: true }
const usual = { keep_days: 7, keep_weeks: 4, keep_months: 6, keep_years: 2, one_per_day: true }
const hour = 3_600_000
const day = 24 * hour

function backup(id: number, created_at: string | number, more: Partial<MeasuredBackup> = {}): MeasuredBackup {
  return {
    id,
    created_at: new Date(created_at),
    state: 'good',
    pinned: false,
    format: 'tar.zst',
    size_bytes: 1000,
    file_count: 10,
    acknowledged_at: null,
    ...more,
  }
}

/** Ids count from 1, in the order given. */
const good = (...times: (string | number)[]) => times.map((time, index) => backup(index + 1, time))

const keptOf = (backups: RetentionBackup[], policy: Partial<RetentionPolicy>, timeZone = 'UTC') =>
  decideRetention(backups, { ...nothing, ...policy }, timeZone)
    .filter(({ keep }) => keep)
    .map(({ id }) => id)
    .sort((one, other) => one - other)

interface Golden {
  timelines: { name: string; times: number[] }[]
  cases: { timeline: number; policy: [number, number, number, number, number]; keep: number[] }[]
}

describe('with one per day it is what restic forget does', () => {
  // recorded by infra/record-restic.ts
  const golden = recorded as unknown as Golden

  test('there are at least 240 recorded answers', () => expect(golden.cases.length).toBeGreaterThanOrEqual(240))

  test.each(golden.timelines.map(({ name, times }, index) => ({ name, times, index })))('$name', ({ times, index }) => {
    const backups = times.map((time, id) => backup(id, time * 1000))
    for (const { policy, keep } of golden.cases.filter(({ timeline }) => timeline === index)) {
      const [keep_last, keep_days, keep_weeks, keep_months, keep_years] = policy
      const rules = { keep_last, keep_days, keep_weeks, keep_months, keep_years }
      expect(keptOf(backups, rules), JSON.stringify(policy)).toEqual(keep)
    }
  })
})

describe('local time', () => {
  // Berlin is at +1 in winter and +2 in summer; changes 2026-03-29 and 2026-10-25 at 01:00 UTC
  test.each([
    [
      'a backup at 23:30 UTC is the next day in Berlin',
      'Europe/Berlin',
      ['2026-11-01T23:30Z', '2026-11-02T05:00Z'],
      [2],
    ],
    ['and its own day in UTC', 'UTC', ['2026-11-01T23:30Z', '2026-11-02T05:00Z'], [1, 2]],
    ['a day of 25 hours is one day', 'Europe/Berlin', ['2026-10-24T22:00Z', '2026-10-25T22:59Z'], [2]],
    ['the hour after it is another', 'Europe/Berlin', ['2026-10-24T22:00Z', '2026-10-25T23:00Z'], [1, 2]],
    ['a day of 23 hours is one day', 'Europe/Berlin', ['2026-03-28T23:00Z', '2026-03-29T21:59Z'], [2]],
    ['the hour after that is another', 'Europe/Berlin', ['2026-03-28T23:00Z', '2026-03-29T22:00Z'], [1, 2]],
    ['both 02:30 of a repeated hour are one day', 'Europe/Berlin', ['2026-10-25T00:30Z', '2026-10-25T01:30Z'], [2]],
    [
      'half an hour is repeated on Lord Howe',
      'Australia/Lord_Howe',
      ['2026-04-04T12:59Z', '2026-04-05T13:29Z'],
      [1, 2],
    ],
    ['midnight is skipped in Santiago', 'America/Santiago', ['2026-09-06T03:59Z', '2026-09-06T04:00Z'], [1, 2]],
    ['Kiritimati is 14 hours ahead', 'Pacific/Kiritimati', ['2026-01-01T09:59Z', '2026-01-01T10:00Z'], [1, 2]],
    ['Pago Pago is 11 hours behind', 'Pacific/Pago_Pago', ['2026-01-01T10:59Z', '2026-01-01T11:00Z'], [1, 2]],
    ['Kathmandu is 5:45 ahead', 'Asia/Kathmandu', ['2026-01-01T18:14Z', '2026-01-01T18:15Z'], [1, 2]],
  ])('%s', (_, timeZone, times, kept) => {
    // an older one takes the quota that the oldest would get
    const backups = [...good(...times), backup(9, '2020-01-01T12:00Z')]
    expect(keptOf(backups, { keep_days: 2 }, timeZone).filter((id) => id !== 9)).toEqual(kept)
  })

  test('new year comes earlier in Auckland', () => {
    const backups = good('2026-12-31T10:30Z', '2026-12-31T12:00Z', '2025-06-01T00:00Z', '2024-06-01T00:00Z')
    expect(keptOf(backups, { keep_years: 2 }, 'Pacific/Auckland')).toEqual([1, 2])
    expect(keptOf(backups, { keep_years: 2 }, 'UTC')).toEqual([2, 3])
  })
})

describe('reasons', () => {
  test('say which day of how many, which ISO week, month and year', () => {
    const backups = good('2026-10-05T03:00Z', '2026-10-06T03:00Z', '2026-10-07T03:00Z')
    expect(decideRetention(backups, { ...usual, keep_days: 2 }, 'UTC')).toEqual([
      {
        id: 3,
        keep: true,
        reasons: ['newest good backup', 'day 1 of 2', 'ISO week 2026-W41', 'month 2026-10', 'year 2026'],
      },
      { id: 2, keep: true, reasons: ['day 2 of 2'] },
      {
        id: 1,
        keep: true,
        reasons: ['oldest, and ISO week 2026-W41', 'oldest, and month 2026-10', 'oldest, and year 2026'],
      },
    ])
  })

  test.each([
    ['2024-12-30T00:00Z', '2025-W01'],
    ['2024-12-29T23:59Z', '2024-W52'],
    ['2021-01-03T23:59Z', '2020-W53'],
    ['2021-01-04T00:00Z', '2021-W01'],
    ['2026-12-31T12:00Z', '2026-W53'],
    ['2027-01-03T12:00Z', '2026-W53'],
    ['2023-01-01T12:00Z', '2022-W52'],
  ])('%s is of ISO week %s', (time, week) => {
    const [decision] = decideRetention(good(time), { ...nothing, keep_weeks: 1 }, 'UTC')
    expect(decision?.reasons).toContain(`ISO week ${week}`)
  })

  test('of what goes', () =>
    expect(
      decideRetention(
        good('2026-01-01T01:00Z', '2026-01-01T02:00Z', '2026-01-02T02:00Z'),
        { ...nothing, keep_days: 1 },
        'UTC',
      ).at(-1),
    ).toEqual({
      id: 1,
      keep: false,
      reasons: ['no rule keeps it'],
    }))
})

test('without one per day, every backup of the kept days stays', () => {
  const backups = good(
    '2026-01-01T01:00Z',
    '2026-01-02T01:00Z',
    '2026-01-02T13:00Z',
    '2026-01-03T01:00Z',
    '2026-01-03T13:00Z',
  )
  expect(keptOf(backups, { keep_days: 2, one_per_day: false })).toEqual([2, 3, 4, 5])
  expect(keptOf(backups, { keep_days: 2, one_per_day: true })).toEqual([3, 5])
})

test('a period without backups costs nothing', () =>
  expect(keptOf(good('2020-01-01T01:00Z', '2022-01-01T01:00Z', '2026-01-01T01:00Z'), { keep_days: 3 })).toEqual([
    1, 2, 3,
  ]))

describe('Not again', () => {
  test('weekly picks that slide and starve; months beyond 12 never reached', () => {
    const policy = { ...usual, keep_months: 18, keep_years: 3 }
    let there: MeasuredBackup[] = []
    for (let night = 0; night < 800; night++) {
      there.push(backup(night, Date.UTC(2023, 0, 1, 3) + night * day))
      const kept = new Set(keptOf(there, policy))
      there = there.filter(({ id }) => kept.has(id))
    }
    const periods = (start: number, end?: number) =>
      new Set(there.map(({ created_at }) => created_at.toISOString().slice(start, end)))
    const now = Date.UTC(2023, 0, 1, 3) + 799 * day
    expect(there.filter(({ created_at }) => now - created_at.getTime() < 7 * day)).toHaveLength(7)
    // of each of the last 4 weeks its Sunday, the newest of it
    for (const weeks of [1, 2, 3]) {
      const sunday = now - (new Date(now).getUTCDay() + 7 * (weeks - 1)) * day
      expect(
        there.map(({ created_at }) => created_at.getTime()),
        `${weeks} weeks ago`,
      ).toContain(sunday)
    }
    expect(periods(0, 7).size).toBeGreaterThanOrEqual(18)
    expect(periods(0, 4).size).toBe(3)
    expect(there.length).toBeLessThan(7 + 4 + 18 + 3)
  })

  test('all zeros deleting the newest', () => {
    expect(keepsNothing(nothing)).toBe(true)
    expect(keptOf(good('2026-01-01T01:00Z', '2026-01-02T01:00Z'), {})).toEqual([2])
  })

  test.each(['incomplete', 'corrupt'] as const)('one that is %s displacing a good one', (state: BackupState) => {
    const backups = [backup(1, '2026-01-02T01:00Z'), backup(2, '2026-01-02T13:00Z', { state })]
    expect(keptOf(backups, { keep_days: 1 })).toContain(1)
    const [, decision] = decideRetention(backups, { ...nothing, keep_days: 1 }, 'UTC')
    expect(decision?.reasons).toEqual(['newest good backup', 'day 1 of 1'])
  })
})

test('what is not good is thinned among its own kind, so that it does not pile up', () => {
  const nights = Array.from({ length: 10 }, (_, night) =>
    backup(night, Date.UTC(2026, 0, 1 + night), { state: 'incomplete' }),
  )
  expect(keptOf([...nights, backup(99, '2025-01-01T00:00Z')], { keep_days: 3 })).toEqual([7, 8, 9, 99])
})

describe('properties', () => {
  const states = fc.constantFrom<BackupState>('good', 'good', 'good', 'incomplete', 'corrupt')
  const times = fc.integer({ min: Date.UTC(2021, 11, 20) / hour, max: Date.UTC(2026, 0, 10) / hour })
  const backups = fc
    .array(fc.record({ hours: times, state: states, pinned: fc.boolean().map((pinned) => pinned && true) }), {
      maxLength: 60,
    })
    .map((list) =>
      list.map(({ hours, state, pinned }, id) => backup(id, hours * hour, { state, pinned: pinned && id % 5 === 0 })),
    )
  const count = fc.nat({ max: 12 })
  const policies = fc.record({
    keep_last: count,
    keep_days: count,
    keep_weeks: count,
    keep_months: count,
    keep_years: count,
    one_per_day: fc.boolean(),
  })
  const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Kiritimati')
  const all = (claim: (list: MeasuredBackup[], policy: Required<RetentionPolicy>, zone: string) => void) =>
    fc.assert(fc.property(backups, policies, zones, claim), { numRuns: 300 })

  test('what is kept and what goes is what there was, newest first', () =>
    all((list, policy, zone) => {
      const decisions = decideRetention(list, policy, zone)
      expect(decisions.map(({ id }) => id).sort((a, b) => a - b)).toEqual(list.map(({ id }) => id))
      const made = decisions.map(({ id }) => list.find((backup) => backup.id === id)?.created_at.getTime() ?? 0)
      expect(made).toEqual([...made].sort((a, b) => b - a))
      for (const { reasons } of decisions) expect(reasons.length).toBeGreaterThan(0)
    }))

  test('the newest good one and pinned ones are kept', () =>
    all((list, policy, zone) => {
      const kept = keptOf(list, policy, zone)
      const newest = decideRetention(list, policy, zone).find(({ id }) => list[id]?.state === 'good')
      if (newest) expect(kept).toContain(newest.id)
      for (const { id, pinned } of list) if (pinned) expect(kept).toContain(id)
    }))

  test('more quota never removes more', () => {
    const rules = ['keep_last', 'keep_days', 'keep_weeks', 'keep_months', 'keep_years'] as const
    fc.assert(
      fc.property(backups, policies, zones, fc.constantFrom(...rules), (list, policy, zone, rule) => {
        const less = keptOf(list, policy, zone)
        expect(keptOf(list, { ...policy, [rule]: policy[rule] + 1 }, zone)).toEqual(expect.arrayContaining(less))
        expect(keptOf(list, { ...policy, one_per_day: false }, zone)).toEqual(
          expect.arrayContaining(keptOf(list, { ...policy, one_per_day: true }, zone)),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('the order they come in does not matter', () =>
    all((list, policy, zone) => {
      const shuffled = list.toSorted((one, other) => ((one.id * 7919) % 61) - ((other.id * 7919) % 61))
      expect(decideRetention(shuffled, policy, zone)).toEqual(decideRetention(list, policy, zone))
    }))

  test('corrupt and incomplete ones change nothing for good ones', () =>
    all((list, policy, zone) => {
      const isGood = ({ state }: RetentionBackup) => state === 'good'
      const alone = keptOf(list.filter(isGood), policy, zone)
      expect(keptOf(list, policy, zone).filter((id) => list[id] && isGood(list[id]))).toEqual(alone)
    }))

  test('deciding again after removing what was to go removes nothing more', () =>
    all((list, policy, zone) => {
      const kept = keptOf(list, policy, zone)
      const left = list.filter(({ id }) => kept.includes(id))
      expect(keptOf(left, policy, zone)).toEqual(kept)
    }))

  test('one job removes at most half of the good ones, and nothing that is kept', () =>
    all((list, policy, zone) => {
      const { removed, later, decisions } = planRetention(list, policy, zone)
      const goodOnes = list.filter(({ state }) => state === 'good').length
      expect(removed.filter((id) => list[id]?.state === 'good').length).toBeLessThanOrEqual(goodOnes / 2)
      const goes = decisions.filter(({ keep }) => !keep).map(({ id }) => id)
      expect([...removed, ...later].sort((a, b) => a - b)).toEqual(goes.sort((a, b) => a - b))
    }))
})

describe('retention waits when the newest backup has collapsed', () => {
  const sizes = (...sizes: (number | Partial<MeasuredBackup>)[]) =>
    sizes.map((size, index) =>
      backup(index + 1, Date.UTC(2026, 0, 1 + index), typeof size === 'number' ? { size_bytes: size } : size),
    )

  test.each([
    ['nothing there', [], false],
    ['one alone', [1000], false],
    ['half is not below half', [1000, 500], false],
    ['below half', [1000, 499], true],
    ['growth', [1000, 9000], false],
    ['still small the next night', [1000, 100, 110, 120], true],
    ['as large as before again', [1000, 100, 990], false],
    ['slowly smaller', [1000, 600, 400, 250], false],
    ['smaller in another format', [1000, { size_bytes: 100, format: 'tar' }], false],
    ['fewer files', [{ file_count: 100 }, { file_count: 49 }], true],
    ['fewer files in another format', [{ file_count: 100 }, { file_count: 49, format: 'folder' }], true],
    ['acknowledged', [1000, { size_bytes: 100, acknowledged_at: new Date() }, 110], false],
    ['acknowledged, and collapsed again', [1000, { size_bytes: 100, acknowledged_at: new Date() }, 10], true],
    ['one that is not good does not count', [1000, { size_bytes: 100, state: 'incomplete' as const }], false],
  ])('%s', (_, list, waits) => {
    expect(waitsFor(sizes(...list)) !== '').toBe(waits)
    expect(waitsFor(sizes(...list).toReversed()) !== '', 'in any order').toBe(waits)
  })

  test('then nothing goes, and it says why', () => {
    const backups = sizes(1000, 1000, 1000, 100)
    const { waits, removed, later } = planRetention(backups, { ...nothing, keep_days: 1 }, 'UTC')
    expect({ removed, later }).toEqual({ removed: [], later: [1, 2, 3] })
    expect(waits).toBe(
      'the newest backup has 100 bytes, the one before it 1000 bytes; nothing is removed until somebody says that this is right',
    )
  })
})

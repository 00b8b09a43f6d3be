import { expect, test } from 'vitest'
import { imagine, sumsOf, timelineOf, type RetainedStack } from './retention-view.ts'

const now = new Date('2026-11-23T12:00:00Z')
const none = { keep_days: 0, keep_weeks: 0, keep_months: 0, keep_years: 0, one_per_day: true }
const kept = (policy: object, hours = 24) =>
  imagine({ ...none, ...policy }, hours, 'UTC', now).decisions.filter(({ goes }) => goes === null)

test('imagined backups are decided about as real ones, newest first', () => {
  const week = kept({ keep_days: 7 })
  expect(week).toHaveLength(7)
  expect(week[0]).toMatchObject({
    created_at: '2026-11-23T12:00:00.000Z',
    reasons: ['newest good backup', 'day 1 of 7'],
  })
  expect(week[6]?.created_at).toBe('2026-11-17T12:00:00.000Z')
  expect(kept({ keep_weeks: 4 })).toHaveLength(4)
})

test('of several backups a day one or all stay', () => {
  const all = kept({ keep_days: 2, one_per_day: false }, 6)
  expect(all.map(({ created_at }) => created_at.slice(8, 13))).toEqual([
    '23T12',
    '23T06',
    '23T00',
    '22T18',
    '22T12',
    '22T06',
    '22T00',
  ])
  expect(kept({ keep_days: 2 }, 6)).toHaveLength(2)
})

test('what is imagined has an end, however much is to be kept', () => {
  const { days, decisions } = imagine({ ...none, keep_days: 10_000, keep_years: 10_000 }, 1, 'UTC', now)
  expect(days).toBeLessThan(70)
  expect(decisions.length).toBeLessThanOrEqual(1501)
  expect(imagine({ ...none, keep_years: 10 }, 24, 'UTC', now).days).toBe(1095)
})

test('sums tell apart what stays, what goes now and what goes later', () => {
  const decision = (goes: 'now' | 'later' | null) => ({ goes }) as RetainedStack['decisions'][number]
  const stack = { keep_bytes: 10, remove_bytes: 7, remove_now_bytes: 4 } as RetainedStack
  const one = { ...stack, decisions: [decision(null), decision('later'), decision('now')] }
  expect(sumsOf([one, one])).toEqual({ kept: 2, keptBytes: 20, now: 2, nowBytes: 8, later: 2 })
  expect(sumsOf([])).toEqual({ kept: 0, keptBytes: 0, now: 0, nowBytes: 0, later: 0 })
})

test('on the timeline nothing leaves its frame, every backup that stays is drawn, and labels do not touch', () => {
  const { decisions } = imagine({ ...none, keep_days: 7, keep_weeks: 4, keep_months: 6, keep_years: 2 }, 24, 'UTC', now)
  for (const width of [320, 1000]) {
    const timeline = timelineOf(decisions, now, width)
    expect(timeline.kept).toHaveLength(decisions.filter(({ goes }) => goes === null).length)
    for (const { x } of [...timeline.kept, ...timeline.now, ...timeline.ticks]) {
      expect(x).toBeGreaterThanOrEqual(0)
      expect(x).toBeLessThanOrEqual(width)
    }
    expect(timeline.now.length).toBeLessThan(width)
    for (const [at, tick] of timeline.ticks.entries())
      if (at > 0) expect(tick.x - (timeline.ticks[at - 1]?.x ?? 0)).toBeGreaterThan(30)
  }
  expect(timelineOf([], now, 300).kept).toEqual([])
})

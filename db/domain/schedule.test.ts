import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { localTime } from './local-time.ts'
import { decideDue, nextRuns, parseSchedule } from './schedule.ts'

/** Each written by hand: expression, zone, after, the next runs as a clock on the wall shows them with its offset. */
const table: [cron: string, timeZone: string, after: string, runs: string[]][] = [
  // plain; 2026-01-01 is a Thursday
  ['* * * * *', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T00:01Z', '2026-01-01T00:02Z']],
  ['* * * * *', 'UTC', '2026-01-01T00:00:30Z', ['2026-01-01T00:01Z', '2026-01-01T00:02Z']],
  ['0 3 * * *', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T03:00Z', '2026-01-02T03:00Z']],
  ['0 3 * * *', 'UTC', '2026-01-01T03:00Z', ['2026-01-02T03:00Z']],
  ['59 23 31 12 *', 'UTC', '2026-01-01T00:00Z', ['2026-12-31T23:59Z', '2027-12-31T23:59Z']],
  ['30 2 * * *', 'Europe/Berlin', '2026-01-01T00:00Z', ['2026-01-01T02:30+01:00', '2026-01-02T02:30+01:00']],
  ['30 2 * * *', 'America/New_York', '2026-07-01T00:00Z', ['2026-07-01T02:30-04:00']],
  ['30 2 * * *', 'Asia/Kathmandu', '2026-07-01T00:00Z', ['2026-07-02T02:30+05:45']],
  // steps
  ['*/15 * * * *', 'UTC', '2026-01-01T00:50Z', ['2026-01-01T01:00Z', '2026-01-01T01:15Z']],
  ['*/7 * * * *', 'UTC', '2026-01-01T00:50Z', ['2026-01-01T00:56Z', '2026-01-01T01:00Z', '2026-01-01T01:07Z']],
  [
    '10-40/15 * * * *',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-01T00:10Z', '2026-01-01T00:25Z', '2026-01-01T00:40Z', '2026-01-01T01:10Z'],
  ],
  ['*/90 * * * *', 'UTC', '2026-01-01T00:30Z', ['2026-01-01T01:00Z', '2026-01-01T02:00Z']],
  [
    '0 */6 * * *',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-01T06:00Z', '2026-01-01T12:00Z', '2026-01-01T18:00Z', '2026-01-02T00:00Z'],
  ],
  [
    '0 1-23/11 * * *',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-01T01:00Z', '2026-01-01T12:00Z', '2026-01-01T23:00Z', '2026-01-02T01:00Z'],
  ],
  [
    '0 0 */10 * *',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-11T00:00Z', '2026-01-21T00:00Z', '2026-01-31T00:00Z', '2026-02-01T00:00Z'],
  ],
  ['0 0 1 */5 *', 'UTC', '2026-01-01T00:00Z', ['2026-06-01T00:00Z', '2026-11-01T00:00Z', '2027-01-01T00:00Z']],
  // lists and ranges
  [
    '0,30 8-10 * * *',
    'UTC',
    '2026-01-01T08:15Z',
    ['2026-01-01T08:30Z', '2026-01-01T09:00Z', '2026-01-01T09:30Z', '2026-01-01T10:00Z'],
  ],
  ['5,5,5-6 0 * * *', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T00:05Z', '2026-01-01T00:06Z', '2026-01-02T00:05Z']],
  ['30,10 0 * * *', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T00:10Z', '2026-01-01T00:30Z']],
  ['0 0 30-31 * *', 'UTC', '2026-01-31T00:00Z', ['2026-03-30T00:00Z', '2026-03-31T00:00Z', '2026-04-30T00:00Z']],
  [
    '0 0 31 * *',
    'UTC',
    '2026-01-31T00:00Z',
    ['2026-03-31T00:00Z', '2026-05-31T00:00Z', '2026-07-31T00:00Z', '2026-08-31T00:00Z'],
  ],
  ['007 03 * * *', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T03:07Z']],
  ['  0\t3   * * * ', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T03:00Z']],
  // names, in any letters
  ['0 0 1 jan *', 'UTC', '2026-01-01T00:00Z', ['2027-01-01T00:00Z']],
  ['0 0 1 JAN,Jul *', 'UTC', '2026-01-01T00:00Z', ['2026-07-01T00:00Z', '2027-01-01T00:00Z']],
  ['0 0 1 oct-DEC *', 'UTC', '2026-01-01T00:00Z', ['2026-10-01T00:00Z', '2026-11-01T00:00Z', '2026-12-01T00:00Z']],
  ['0 0 * * mon', 'UTC', '2026-01-01T00:00Z', ['2026-01-05T00:00Z', '2026-01-12T00:00Z']],
  ['0 0 * * Mon-Fri', 'UTC', '2026-01-01T00:00Z', ['2026-01-02T00:00Z', '2026-01-05T00:00Z', '2026-01-06T00:00Z']],
  ['0 0 * * tue,SAT', 'UTC', '2026-01-01T00:00Z', ['2026-01-03T00:00Z', '2026-01-06T00:00Z', '2026-01-10T00:00Z']],
  ['0 0 * feb sun', 'UTC', '2026-01-01T00:00Z', ['2026-02-01T00:00Z', '2026-02-08T00:00Z', '2026-02-15T00:00Z']],
  // 0 and 7 are Sunday, 1 is Monday
  ['0 0 * * 0', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z', '2026-01-11T00:00Z']],
  ['0 0 * * 7', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z', '2026-01-11T00:00Z']],
  ['0 0 * * 0,7', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z', '2026-01-11T00:00Z']],
  ['0 0 * * 1', 'UTC', '2026-01-01T00:00Z', ['2026-01-05T00:00Z', '2026-01-12T00:00Z']],
  [
    '0 0 * * 5-7',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-02T00:00Z', '2026-01-03T00:00Z', '2026-01-04T00:00Z', '2026-01-09T00:00Z'],
  ],
  ['0 0 * * 6-7', 'UTC', '2026-01-01T00:00Z', ['2026-01-03T00:00Z', '2026-01-04T00:00Z', '2026-01-10T00:00Z']],
  ['0 0 * * 0-6', 'UTC', '2026-01-01T00:00Z', ['2026-01-02T00:00Z', '2026-01-03T00:00Z', '2026-01-04T00:00Z']],
  [
    '0 0 * * 1-7/2',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-02T00:00Z', '2026-01-04T00:00Z', '2026-01-05T00:00Z', '2026-01-07T00:00Z'],
  ],
  [
    '0 0 * * */2',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-03T00:00Z', '2026-01-04T00:00Z', '2026-01-06T00:00Z', '2026-01-08T00:00Z'],
  ],
  // both kinds of day: one that fits is enough
  [
    '0 0 13 * 5',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-02T00:00Z', '2026-01-09T00:00Z', '2026-01-13T00:00Z', '2026-01-16T00:00Z'],
  ],
  [
    '0 0 1,15 * mon',
    'UTC',
    '2026-01-01T00:00Z',
    ['2026-01-05T00:00Z', '2026-01-12T00:00Z', '2026-01-15T00:00Z', '2026-01-19T00:00Z'],
  ],
  ['0 0 1-7 * 6', 'UTC', '2026-01-06T00:00Z', ['2026-01-07T00:00Z', '2026-01-10T00:00Z', '2026-01-17T00:00Z']],
  ['0 0 31 2 1', 'UTC', '2026-01-01T00:00Z', ['2026-02-02T00:00Z', '2026-02-09T00:00Z']],
  ['0 0 1,* * mon', 'UTC', '2026-01-01T00:00Z', ['2026-01-02T00:00Z', '2026-01-03T00:00Z']],
  // a field that begins with * counts as not given: then both must fit
  ['0 0 */2 * 1', 'UTC', '2026-01-01T00:00Z', ['2026-01-05T00:00Z', '2026-01-19T00:00Z', '2026-02-09T00:00Z']],
  ['0 0 13 * */5', 'UTC', '2026-01-01T00:00Z', ['2026-02-13T00:00Z', '2026-03-13T00:00Z', '2026-09-13T00:00Z']],
  ['0 0 *,1 * mon', 'UTC', '2026-01-01T00:00Z', ['2026-01-05T00:00Z', '2026-01-12T00:00Z']],
  // 29 February
  ['0 0 29 2 *', 'UTC', '2026-01-01T00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
  ['0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', ['2104-02-29T00:00Z']],
  ['0 12 29 feb *', 'Europe/Berlin', '2028-02-29T11:00Z', ['2032-02-29T12:00+01:00']],
  ['0 0 */29 feb mon', 'UTC', '2026-01-01T00:00Z', ['2027-02-01T00:00Z', '2038-02-01T00:00Z']],
  // words
  ['@hourly', 'UTC', '2026-01-01T00:30Z', ['2026-01-01T01:00Z', '2026-01-01T02:00Z']],
  ['@daily', 'Europe/Berlin', '2026-01-01T00:00Z', ['2026-01-02T00:00+01:00']],
  ['@midnight', 'UTC', '2026-01-01T00:00Z', ['2026-01-02T00:00Z']],
  ['@weekly', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z', '2026-01-11T00:00Z']],
  ['@monthly', 'UTC', '2026-01-01T00:00Z', ['2026-02-01T00:00Z', '2026-03-01T00:00Z']],
  ['@yearly', 'UTC', '2026-01-01T00:00Z', ['2027-01-01T00:00Z']],
  ['@Annually', 'UTC', '2026-01-01T00:00Z', ['2027-01-01T00:00Z']],
  // Berlin, 2026-03-29: 02:00 becomes 03:00
  ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T03:00+02:00', '2026-03-30T02:30+02:00']],
  ['0 3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T03:00+02:00', '2026-03-30T03:00+02:00']],
  ['0 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T03:00+02:00', '2026-03-30T02:00+02:00']],
  [
    '*/20 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00Z',
    ['2026-03-29T03:00+02:00', '2026-03-30T02:00+02:00', '2026-03-30T02:20+02:00'],
  ],
  ['0 */2 * * *', 'Europe/Berlin', '2026-03-28T23:30Z', ['2026-03-29T03:00+02:00', '2026-03-29T04:00+02:00']],
  [
    '0 * * * *',
    'Europe/Berlin',
    '2026-03-28T23:30Z',
    ['2026-03-29T01:00+01:00', '2026-03-29T03:00+02:00', '2026-03-29T04:00+02:00'],
  ],
  ['30 * * * *', 'Europe/Berlin', '2026-03-28T23:45Z', ['2026-03-29T01:30+01:00', '2026-03-29T03:30+02:00']],
  ['30 2 29 3 *', 'Europe/Berlin', '2026-01-01T00:00Z', ['2026-03-29T03:00+02:00', '2027-03-29T02:30+02:00']],
  // Berlin, 2026-10-25: 03:00 becomes 02:00
  ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T02:30+02:00', '2026-10-26T02:30+01:00']],
  ['30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30Z', ['2026-10-26T02:30+01:00']],
  ['0 3 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T03:00+01:00', '2026-10-26T03:00+01:00']],
  ['0 */2 * * *', 'Europe/Berlin', '2026-10-24T22:30Z', ['2026-10-25T02:00+02:00', '2026-10-25T04:00+01:00']],
  [
    '0 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:30Z',
    ['2026-10-25T02:00+02:00', '2026-10-25T02:00+01:00', '2026-10-25T03:00+01:00'],
  ],
  [
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-10-25T00:00Z',
    ['2026-10-25T02:30+02:00', '2026-10-25T02:00+01:00', '2026-10-25T02:30+01:00', '2026-10-25T03:00+01:00'],
  ],
  // New York, 2026-03-08: 02:00 becomes 03:00; 2026-11-01: 02:00 becomes 01:00
  ['30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-08T03:00-04:00', '2026-03-09T02:30-04:00']],
  ['30 1 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-08T01:30-05:00', '2026-03-09T01:30-04:00']],
  ['30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', ['2026-11-01T01:30-04:00', '2026-11-02T01:30-05:00']],
  ['30 2 * * *', 'America/New_York', '2026-10-31T12:00Z', ['2026-11-01T02:30-05:00', '2026-11-02T02:30-05:00']],
  ['15 2 * * sun', 'America/New_York', '2026-03-01T12:00Z', ['2026-03-08T03:00-04:00', '2026-03-15T02:15-04:00']],
  // Lord Howe, half an hour: 2026-10-04 02:00 becomes 02:30; 2026-04-05 02:00 becomes 01:30
  ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-04T02:30+11:00', '2026-10-05T02:15+11:00']],
  ['45 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-04T02:45+11:00', '2026-10-05T02:45+11:00']],
  [
    '*/15 * * * *',
    'Australia/Lord_Howe',
    '2026-10-03T15:10Z',
    ['2026-10-04T01:45+10:30', '2026-10-04T02:30+11:00', '2026-10-04T02:45+11:00'],
  ],
  ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-03T15:00Z', ['2026-04-05T01:45+11:00', '2026-04-06T01:45+10:30']],
  [
    '*/15 * * * *',
    'Australia/Lord_Howe',
    '2026-04-04T14:40Z',
    ['2026-04-05T01:45+11:00', '2026-04-05T01:30+10:30', '2026-04-05T01:45+10:30', '2026-04-05T02:00+10:30'],
  ],
  // midnight is skipped in Santiago on 2026-09-06, and a whole day was on Samoa
  ['0 0 * * *', 'America/Santiago', '2026-09-05T12:00Z', ['2026-09-06T01:00-03:00', '2026-09-07T00:00-03:00']],
  ['0 12 * * *', 'Pacific/Apia', '2011-12-29T23:00Z', ['2011-12-31T00:00+14:00', '2011-12-31T12:00+14:00']],
]

describe('next runs', () => {
  test('there are at least 60 expressions', () => expect(table.length).toBeGreaterThanOrEqual(60))

  test.each(table)('%s in %s after %s', (cron, timeZone, after, runs) => {
    const found = nextRuns(cron, { timeZone, after: new Date(after), count: runs.length })
    expect(found.map((run) => run.toISOString())).toEqual(runs.map((run) => new Date(run).toISOString()))
  })

  test('are what a walk over every minute finds, also where clocks change', () => {
    const moments = fc.constantFrom<[string, string]>(
      ['UTC', '2026-02-27T20:00Z'],
      ['Europe/Berlin', '2026-03-28T20:00Z'],
      ['Europe/Berlin', '2026-10-24T20:00Z'],
      ['America/New_York', '2026-03-08T00:00Z'],
      ['America/New_York', '2026-11-01T00:00Z'],
      ['Australia/Lord_Howe', '2026-10-03T10:00Z'],
      ['Australia/Lord_Howe', '2026-04-04T10:00Z'],
      ['America/Santiago', '2026-09-06T00:00Z'],
    )
    const field = (low: number, high: number) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min: low, max: high }).map(String),
        fc.integer({ min: 2, max: 20 }).map((step) => `*/${step}`),
        fc
          .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
          .map(([one, other]) => `${Math.min(one, other)}-${Math.max(one, other)}`),
        fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high })).map(String),
      )
    const expressions = fc.tuple(field(0, 59), field(0, 4), field(1, 31), fc.constant('*'), field(0, 7))
    fc.assert(
      fc.property(expressions, moments, (fields, [timeZone, from]) => {
        const [start, end] = [Date.parse(from), Date.parse(from) + 30 * 3_600_000]
        const expected = walk(fields, timeZone, start, end)
        const found = nextRuns(fields.join(' '), { timeZone, after: new Date(start), count: expected.length + 1 })
        expect(found.filter((run) => run.getTime() <= end).map((run) => run.toISOString())).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })
})

/** Vixie cron's own way: every minute as it comes; minutes that were skipped are made up for at once, those that come again are passed over. */
function walk(fields: string[], timeZone: string, start: number, end: number): string[] {
  const [minutes, hours, days, , weekdays] = fields.map((field, index) => setOf(field, index)) as Set<number>[]
  const starred = (index: number) => fields[index]?.startsWith('*')
  const fits = (shown: number) => {
    const date = new Date(shown)
    const byDay = days?.has(date.getUTCDate()) ?? false
    const byWeekday = weekdays?.has(date.getUTCDay()) ?? false
    const day = starred(2) || starred(4) ? byDay && byWeekday : byDay || byWeekday
    return day && minutes?.has(date.getUTCMinutes()) && hours?.has(date.getUTCHours())
  }
  const shownAt = (at: number) => {
    const { year, month, day, hour, minute } = localTime(new Date(at), timeZone)
    return Date.UTC(year, month - 1, day, hour, minute)
  }
  const everyHour = hours?.size === 24
  const found: string[] = []
  let latest = shownAt(start)
  for (let at = start + 60_000; at <= end; at += 60_000) {
    const shown = shownAt(at)
    let due = false
    if (everyHour) due = fits(shown) ?? false
    else for (let missed = latest + 60_000; missed <= shown; missed += 60_000) due ||= fits(missed) ?? false
    latest = Math.max(latest, shown)
    if (due) found.push(new Date(at).toISOString())
  }
  return found
}

function setOf(field: string, index: number): Set<number> {
  const [low, high] = [
    [0, 59],
    [0, 23],
    [1, 31],
    [1, 12],
    [0, 7],
  ][index] as [number, number]
  const values = new Set<number>()
  for (const item of field.split(',')) {
    const [range = '', step = '1'] = item.split('/')
    const [from = low, to = range === '*' ? high : from] = range === '*' ? [low, high] : range.split('-').map(Number)
    for (let value = from; value <= to; value += Number(step)) values.add(index === 4 ? value % 7 : value)
  }
  return values
}

describe('Not again', () => {
  test('0 = Monday', () => {
    expect(nextRuns('0 0 * * 0', { timeZone: 'UTC', after: new Date('2026-01-01'), count: 1 })[0]?.getUTCDay()).toBe(0)
  })

  test.each(['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6,9,11 *', '0 0 30-31 feb *', '0 0 31 4 */2'])(
    'expressions that validate but never fire: %s',
    (cron) => expect(() => parseSchedule(cron)).toThrow(/never comes round/),
  )
})

test.each([
  ['', /five fields/],
  ['   ', /five fields/],
  ['* * * *', /five fields/],
  ['0 0 3 * * *', /five fields/],
  ['every day', /five fields/],
  ['60 * * * *', /minute: "60" must be from 0 to 59/],
  ['* 24 * * *', /hour: "24" must be from 0 to 23/],
  ['* * 0 * *', /day of the month: "0" must be from 1 to 31/],
  ['* * 32 * *', /day of the month: "32"/],
  ['* * * 0 *', /month: "0" must be from 1 to 12/],
  ['* * * 13 *', /month: "13"/],
  ['* * * * 8', /day of the week: "8" must be from 0 to 7/],
  ['* * * * -1', /day of the week/],
  ['30-10 * * * *', /minute: "30-10" runs backwards/],
  ['* * * * fri-sun', /Sunday is 7/],
  ['*/0 * * * *', /a step of 0/],
  ['5/15 * * * *', /write "5-59\/15"/],
  ['1.5 * * * *', /minute: "1.5"/],
  ['1, * * * *', /minute: ""/],
  ['1-2-3 * * * *', /minute: "1-2-3"/],
  ['*/2/2 * * * *', /minute: "\*\/2\/2"/],
  ['* * * january *', /month: "january" must be .* names \(jan, feb, mar/],
  ['mon * * * *', /minute: "mon"/],
  ['* * L * *', /day of the month: "l"/],
  ['* * ? * *', /day of the month: "\?"/],
  ['* * * * 5#2', /day of the week: "5#2"/],
  ['* * * * 5L', /day of the week: "5l"/],
  ['* * 15W * *', /day of the month: "15w"/],
  ['H * * * *', /minute: "h"/],
  ['@reboot', /is no time/],
  ['@fortnightly', /"@fortnightly" is not known; there are @yearly, /],
  ['@minutely', /is not known/],
])('"%s" is refused in words', (cron, words) => expect(() => parseSchedule(cron)).toThrow(words))

describe('what becomes of the times that are due', () => {
  const threeHours = 10_800
  const decide = (due: string, now: string, more: { cron?: string; catchUpWindow?: number; held?: string } = {}) => {
    const { run, missed, next } = decideDue({
      cron: '0 3 * * *',
      timeZone: 'UTC',
      due: new Date(due),
      now: new Date(now),
      catchUpWindow: threeHours,
      held: '',
      ...more,
    })
    const short = (date: Date) => date.toISOString().slice(5, 16)
    return {
      run: run && short(run),
      missed: missed.map(({ scheduled_for, reason }) => `${short(scheduled_for)} ${reason}`),
      next: short(next),
    }
  }

  test.each([
    ['on time', '2026-01-05T03:00:10Z', threeHours, '01-05T03:00', []],
    ['within the window', '2026-01-05T05:59Z', threeHours, '01-05T03:00', []],
    ['beyond it', '2026-01-05T06:01Z', threeHours, null, ['01-05T03:00 it could not start within 3 h of its time']],
    ['with no window, in the grace of two minutes', '2026-01-05T03:02Z', 0, '01-05T03:00', []],
    [
      'with no window, after it',
      '2026-01-05T03:03Z',
      0,
      null,
      ['01-05T03:00 it could not start within 2 min of its time'],
    ],
  ])('%s', (_, now, catchUpWindow, run, missed) =>
    expect(decide('2026-01-05T03:00Z', now, { catchUpWindow })).toEqual({ run, missed, next: '01-06T03:00' }),
  )

  test('not yet due', () =>
    expect(decide('2026-01-05T03:00Z', '2026-01-05T02:59Z')).toEqual({ run: null, missed: [], next: '01-05T03:00' }))

  test('days away: the newest runs, the others were missed', () =>
    expect(decide('2026-01-03T03:00Z', '2026-01-05T04:00Z')).toEqual({
      run: '01-05T03:00',
      missed: [
        '01-03T03:00 it could not start within 3 h of its time',
        '01-04T03:00 it could not start within 3 h of its time',
      ],
      next: '01-06T03:00',
    }))

  test('several within the window are one run', () =>
    expect(decide('2026-01-05T01:00Z', '2026-01-05T03:10Z', { cron: '0 * * * *' })).toEqual({
      run: '01-05T03:00',
      missed: [
        '01-05T01:00 it could not start in time; the run due at 2026-01-05T03:00:00.000Z stands for it',
        '01-05T02:00 it could not start in time; the run due at 2026-01-05T03:00:00.000Z stands for it',
      ],
      next: '01-05T04:00',
    }))

  test('held: nothing runs, with the reason', () =>
    expect(decide('2026-01-05T03:00Z', '2026-01-05T03:00Z', { held: 'maintenance mode was on' })).toEqual({
      run: null,
      missed: ['01-05T03:00 maintenance mode was on'],
      next: '01-06T03:00',
    }))

  test('a schedule of minutes after a year away names the newest, counts the others, and is quick', () => {
    const { run, missed } = decide('2025-01-05T03:00Z', '2026-01-05T03:00Z', { cron: '* * * * *' })
    expect(run).toBe('01-05T03:00')
    expect(missed).toHaveLength(20)
    expect(missed[0]).toMatch(/^01-05T02:40 .*; so were \d{5} before it$/)
  })
})

import { expect, test } from 'vitest'
import { addressesIn } from './addresses.ts'
import { bytesOf, nameToType, possibleWith } from './backup-choice.ts'
import { filterFrom } from './backup-filter.ts'
import { fateOf, reasonsOf } from './backup-stay.ts'
import { isMailable, stateNow, toldOf } from './download-state.ts'
import { day } from './format.ts'

const live = { state: 'good', pinned: false, trashed_at: null } as const
const trashed = { ...live, trashed_at: '2026-11-23T08:00:00.000Z' }
const anybody = () => true
const none = { verify: false, pin: false, unpin: false, download: false, delete: false, undelete: false }

test('only what would not be refused is offered', () => {
  expect(possibleWith([], anybody)).toEqual(none)
  expect(possibleWith([live], anybody)).toEqual({ ...none, verify: true, pin: true, download: true, delete: true })
  expect(possibleWith([live, live], anybody)).toEqual({ ...none, verify: true, pin: true, delete: true })
  expect(possibleWith([live, { ...live, pinned: true }], anybody)).toEqual({
    ...none,
    verify: true,
    pin: true,
    unpin: true,
  })
  expect(possibleWith([{ ...live, state: 'corrupt' }], anybody)).toMatchObject({ download: false, delete: true })
  expect(possibleWith([trashed], anybody)).toEqual({ ...none, undelete: true })
  expect(possibleWith([live, trashed], anybody)).toEqual(none)
  expect(possibleWith([{ ...trashed, state: 'deleted' }], anybody)).toEqual(none)
})

test('operators neither delete nor take back, viewers do nothing', () => {
  const operator = (role: string) => role !== 'admin'
  expect(possibleWith([live], operator)).toEqual({ ...none, verify: true, pin: true, download: true })
  expect(possibleWith([trashed], operator)).toEqual(none)
  expect(possibleWith([live], () => false)).toEqual(none)
})

test('several ask for the names of their archives', () => {
  const of = (archive_name: string) => ({ archive_name, size_bytes: 10 })
  expect(nameToType([of('nightly')])).toBe('')
  expect(nameToType([of('nightly'), of('nightly')])).toBe('nightly')
  expect(nameToType([of('weekly'), of('nightly')])).toBe('nightly, weekly')
  expect(bytesOf([of('a'), of('b')])).toBe(20)
})

const retention = {
  keep: true,
  newest_good: false,
  places: [{ rule: 'week' as const, nth: 2, of: 4, oldest: false }],
  reasons: [],
  waits: '',
  waits_for: null,
  scheduled: true,
  goes_at: '2026-12-04T02:00:00.000Z',
}

test('why a backup stays is told by its places', () => {
  expect(reasonsOf(live, retention)).toEqual(['week 2 of 4'])
  expect(reasonsOf({ ...live, pinned: true }, { ...retention, newest_good: true })).toEqual([
    'pinned',
    'the newest good backup',
    'week 2 of 4',
  ])
  const oldest = { ...retention, places: [{ rule: 'year' as const, nth: 1, of: 2, oldest: true }] }
  expect(reasonsOf({ ...live, state: 'incomplete' }, oldest)).toEqual([
    'the oldest, in year 1 of 2',
    'counted among incomplete ones',
  ])
  expect(reasonsOf({ ...live, state: 'corrupt' }, { ...retention, keep: false, places: [] })).toEqual([])
  expect(reasonsOf(live, null)).toEqual([])
})

test('when it goes, or why that cannot be said', () => {
  const cases = [
    [live, retention, { kind: 'date', at: retention.goes_at }],
    [live, null, { kind: 'nobody' }],
    [{ ...live, state: 'corrupt' as const }, { ...retention, goes_at: null }, { kind: 'alike' }],
    [live, { ...retention, waits: 'the newest is empty', goes_at: null }, { kind: 'waits' }],
    [live, { ...retention, goes_at: null }, { kind: 'long' }],
    [live, { ...retention, goes_at: null, scheduled: false }, { kind: 'unscheduled' }],
    [live, { ...retention, goes_at: null, scheduled: false, keep: false }, { kind: 'next' }],
    [{ ...live, pinned: true }, retention, { kind: 'pinned' }],
    [trashed, null, { kind: 'trash' }],
    [{ ...trashed, state: 'deleted' as const }, null, { kind: 'deleted' }],
  ] as const
  for (const [backup, retention, fate] of cases) expect(fateOf(backup, retention as any)).toEqual(fate)
})

test('a day is told without the year it is in', () => {
  const now = new Date('2026-11-23T12:00:00Z')
  expect(day(new Date('2026-12-03T23:30:00Z'), 'Europe/Berlin', now)).toBe('4 Dec')
  expect(day(new Date('2027-01-09T12:00:00Z'), 'UTC', now)).toBe('9 Jan 2027')
})

test('addresses are read one a line or with commas, each once', () => {
  expect(addressesIn(' a@example.org,\nb@example.org a@example.org', true)).toEqual({
    emails: ['a@example.org', 'b@example.org'],
  })
  expect(addressesIn('  ', false)).toEqual({ emails: [] })
  expect(addressesIn('', true)).toEqual({ error: 'Give at least one e-mail address.' })
  for (const wrong of ['ada', 'ada@', '@example.org', 'a@b', 'a@b@c.org'])
    expect(addressesIn(`ok@example.org\n${wrong}`, true)).toEqual({ error: `“${wrong}” is not an e-mail address.` })
  const many = Array.from({ length: 21 }, (_, at) => `a${at}@example.org`).join('\n')
  expect(addressesIn(many, true)).toHaveProperty('error')
})

test('the address of the list says what is shown, and nonsense nothing', () => {
  const of = (search: string) => filterFrom({ searchParams: new URLSearchParams(search) })
  expect(of('stack=7&show=trash&state=good&search=+wiki+')).toEqual({
    stack_id: 7,
    trashed: true,
    state: 'good',
    search: 'wiki',
  })
  expect(of('stack=x&host=-1&job=0&state=fine&show=all&search=+')).toEqual({})
  expect(of('show=pinned&archive=3')).toEqual({ pinned: true, archive_id: 3 })
})

test('a link expires while somebody looks at it', () => {
  const link = { state: 'ready', expires_at: '2026-11-24T08:00:00.000Z' } as const
  expect(stateNow(link, new Date('2026-11-24T07:59:59Z'))).toBe('ready')
  expect(stateNow(link, new Date('2026-11-24T08:00:00Z'))).toBe('expired')
  expect(isMailable('missing')).toBe(true)
  expect(isMailable('expired')).toBe(false)
  expect(toldOf({ notify_emails: ['a@x.org', 'b@x.org'], told_emails: ['a@x.org'] })).toEqual({
    told: ['a@x.org'],
    waiting: ['b@x.org'],
  })
})

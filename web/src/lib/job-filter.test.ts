import { expect, test } from 'vitest'
import { filterFrom } from './job-filter.ts'

const read = (text: string) =>
  Object.fromEntries(
    Object.entries(filterFrom(new URLSearchParams(text), 'Europe/Berlin')).filter(([, value]) => value !== undefined),
  )

test('the address names the filters, days as they are in the display time zone', () => {
  expect(
    read('archive=3&type=verify&status=failed&trigger=api&dry_run=false&from=2026-11-01&to=2026-11-02&search= wiki '),
  ).toEqual({
    archive_id: 3,
    type: 'verify',
    status: 'failed',
    triggered_by: 'api',
    is_dry_run: false,
    from: '2026-10-31T23:00:00.000Z',
    to: '2026-11-02T23:00:00.000Z',
    search: 'wiki',
  })
})

test('what no filter can be is left out', () => {
  expect(read('archive=x&stack=-1&type=nap&status=&dry_run=maybe&from=soon&search=%20')).toEqual({})
})

import { expect, test } from 'vitest'
import { ageOf, backupPath } from './backup-path.ts'

const folders = { archive: 'nightly', stack: 'shop' }

test('the name carries local time of the display time zone', () => {
  const at = new Date('2026-01-01T00:30:05Z')
  expect(backupPath(folders, at, 'UTC', 'tar.zst', 1)).toBe('nightly/shop/20260101_003005_shop.tar.zst')
  expect(backupPath(folders, at, 'America/New_York', 'tar.zst', 1)).toBe('nightly/shop/20251231_193005_shop.tar.zst')
})

test('the hour that clocks repeat gives the same name twice, told apart by a number', () => {
  const [first, second] = ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'].map((at) =>
    backupPath(folders, new Date(at), 'Europe/Berlin', 'tar.zst', 1),
  )
  expect(first).toBe(second)
  expect(backupPath(folders, new Date('2026-10-25T01:30:00Z'), 'Europe/Berlin', 'tar.zst', 2)).toBe(
    'nightly/shop/20261025_023000_shop-2.tar.zst',
  )
})

test('a file is named after its format, a folder plainly', () => {
  const at = new Date('2026-01-01T00:30:05Z')
  const names = (['tar', 'tar.gz', 'tar.zst', 'folder'] as const).map((format) =>
    backupPath(folders, at, 'UTC', format, 2).replace('nightly/shop/20260101_003005_shop-2', ''),
  )
  expect(names).toEqual(['.tar', '.tar.gz', '.tar.zst', ''])
})

test('ages sort as backups came about, those of one second and those with dashes, digits and dots in their names, too', () => {
  const stack = 'shop-7.tar'
  const names = [
    '20261025_022959_S-2',
    '20261025_023000_S',
    '20261025_023000_S-2',
    '20261025_023000_S-10',
    '20261025_023001_S',
  ].map((name, at) => name.replace('S', stack) + ['.tar.zst', '.tar', '', '.tar.gz', '.tar.zst'][at])
  const ages = names.map((name) => ageOf({ stack, name }))
  expect(ages.toSorted()).toEqual(ages)
})

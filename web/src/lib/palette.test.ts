import { expect, test } from 'vitest'
import { entriesFor } from './palette.ts'
import type { Archive, Backup, Host, Role, Stack } from './rows.ts'

const ranks: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

function offered(typed: string, role: Role = 'admin'): string[] {
  return entriesFor(typed, {
    may: (least) => ranks[role] >= ranks[least],
    archives: [{ id: 3, name: 'nightly' }] as Archive[],
    stacks: Array.from({ length: 9 }, (_, id) => ({
      id,
      name: `shop ${id}`,
      host: 'nas',
      path: '/srv/shop',
    })) as Stack[],
    hosts: [{ id: 1, name: 'nas' }] as Host[],
    backups: [{ id: 8, path: 'nightly/wiki/20261123_020004_wiki.tar.zst', size_bytes: 1536 }] as Backup[],
  }).flatMap(({ title, entries }) => entries.map(({ text }) => `${title}: ${text}`))
}

test('with nothing typed it offers pages and runs', () => {
  expect(offered('')).toContain('Pages: Dashboard')
  expect(offered('')).toContain('Run: Run nightly')
  expect(offered('').join()).not.toContain('shop')
})

test('every word typed has to fit, whatever its case and whether it stands in the name or beside it', () => {
  expect(offered('SHOP nas 4')).toEqual(['Stacks: shop 4'])
  expect(offered('wiki 1.50')).toEqual(['Backups: 20261123_020004_wiki.tar.zst'])
  expect(offered('nothing of the sort')).toEqual([])
})

test('of each kind there are few enough to see the others', () => {
  expect(offered('nas').filter((text) => text.startsWith('Stacks'))).toHaveLength(6)
  expect(offered('nas')).toContain('Hosts: nas')
})

test('a number leads to its job', () => {
  expect(offered('#123')).toEqual(['Jobs: Job 123'])
})

test('nobody is offered what would be refused', () => {
  expect(offered('nightly', 'viewer')).toEqual(['Archives: nightly', 'Backups: 20261123_020004_wiki.tar.zst'])
  expect(offered('new archive', 'operator')).toEqual([])
  expect(offered('run', 'operator')).toEqual(['Run: Run nightly'])
})

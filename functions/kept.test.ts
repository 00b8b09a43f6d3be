import { expect, test } from 'vitest'
import { keep } from './kept.ts'
import type { Follower } from './live.ts'

function keptCounter() {
  let tell: Follower = () => {}
  let asked = 0
  let day = 'Monday'
  let fails = false
  const live = { follow: (follower: Follower) => ((tell = follower), () => {}), close: async () => {} }
  const read = keep(
    live,
    ['backups'],
    () => day,
    async () => {
      const count = ++asked
      await new Promise((done) => setTimeout(done, 1))
      if (fails) throw new Error('the database is away')
      return count
    },
  )
  return {
    read,
    tell: (resource: string | null) => tell(resource === null ? null : { resource, id: null }),
    on: (other: string) => (day = other),
    fail: (yes: boolean) => (fails = yes),
  }
}

test('it is worked out once for all who ask, and again after what it is made of has changed', async () => {
  const { read, tell, on } = keptCounter()
  expect(await Promise.all([read(), read()])).toEqual([1, 1])
  tell('jobs')
  expect(await read()).toBe(1)
  tell('backups')
  expect(await read()).toBe(2)
  tell(null)
  expect(await read()).toBe(3)
  on('Tuesday')
  expect(await read()).toBe(4)
})

test('what was under way when something changed is not kept, nor is a failure', async () => {
  const { read, tell, fail } = keptCounter()
  const early = read()
  tell('backups')
  expect(await early).toBe(1)
  expect(await read()).toBe(2)
  tell('backups')
  fail(true)
  await expect(read()).rejects.toThrow('away')
  fail(false)
  expect(await read()).toBe(4)
})

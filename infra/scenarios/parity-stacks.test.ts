// How stacks are found, and what a job without any says: rows of the same names.
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Stack } from 'db/queries/stacks'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { until } from '../testbed/until.ts'

const undo = new AsyncDisposableStack()
let above: string
let house: House

beforeAll(async () => {
  above = undo.use(await temporaryFolder()).path
  const files = {
    'one/wiki/compose.yml': 'services: {}\n',
    'one/shop/compose.yaml': 'services: {app: {image: x}}\n',
    'one/blog/docker-compose.yml': 'services: {}\n',
    'one/mail/docker-compose.yaml': 'services: {}\n',
    'one/.hidden/compose.yml': 'services: {}\n',
    'one/archives/compose.yml': 'services: {}\n',
    'one/tmp/compose.yml': 'services: {}\n',
    'one/deep/er/compose.yml': 'services: {}\n',
    'one/none/readme.txt': '',
    'direct/compose.yml': 'services: {}\n',
    'two/wiki/compose.yml': 'services: {}\n',
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(above, path, '..'), { recursive: true })
    await writeFile(join(above, path), text)
  }
  await symlink(join(above, 'one/wiki'), join(above, 'two/same-by-link'))
  house = undo.use(await makeHouse({ stacksDirs: ['one', 'direct', 'two'].map((name) => join(above, name)) }))
  await house.startAgent()
  await house.findStack(join(above, 'two/wiki'))
})

afterAll(() => undo.disposeAsync())

const found = async () =>
  (await house.api.get<{ stacks: Stack[] }>('/api/stacks')).body.stacks.filter(({ path }) => path.startsWith(above))

test('It scans each mount root and one level below: direct at the root, nested below; hidden folders, archives and tmp are skipped; duplicates are listed once', async () => {
  const stacks = (await found()).map(
    ({ path, kind, compose_file }) => `${path.slice(above.length)} ${kind} ${compose_file}`,
  )
  expect(stacks.toSorted()).toEqual([
    '/direct direct compose.yml',
    '/one/blog nested docker-compose.yml',
    '/one/mail nested docker-compose.yaml',
    '/one/shop nested compose.yaml',
    '/one/wiki nested compose.yml',
    '/two/wiki nested compose.yml',
  ])
})

test('Not again: hiding any stack with a service called `app`', async () => {
  expect((await found()).map(({ name }) => name)).toContain('shop')
})

test('Not again: same-named stacks colliding', async () => {
  const same = (await found()).filter(({ name }) => name === 'wiki')
  expect(new Set(same.map(({ folder }) => folder)).size).toBe(2)
  const archive = await house.makeArchive('both', same, { mode: 'live' })
  const { job, log } = await house.ended(await house.run(archive))
  expect(job.status, log).toBe('success')
  const { metrics } = await house.job(job.id)
  expect(new Set(metrics.map(({ archive_path }) => archive_path)).size).toBe(2)
})

test('A job left with no stack aborts early: failed, log says "No valid stacks found" and why', async () => {
  const mail = await house.findStack(join(above, 'one/mail'))
  const archive = await house.makeArchive('gone', [mail], { mode: 'live' })
  await rm(join(above, 'one/mail'), { recursive: true })
  await until('the stack to be gone', async () => {
    const stacks = (await house.api.get<{ stacks: Stack[] }>('/api/stacks')).body.stacks
    return stacks.find(({ id }) => id === mail.id)?.gone_at !== null
  })
  const { job, log } = await house.ended(await house.run(archive))
  expect(job.status).toBe('failed')
  expect(log).toContain('No valid stacks found')
  expect(job.reason).toContain('no compose file has been seen in')
})

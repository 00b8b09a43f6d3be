import { makeTestDatabase, type TestDatabase } from 'db/testing/database'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { startProcess } from './testing/process.ts'
import { makeRoad } from './testing/proxy.ts'

let database: TestDatabase

// whole processes start here, which takes its time on a busy machine

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
})

afterAll(() => database.drop())

test('starts, serves, and ends cleanly when told, streams or not', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { child, exit, url, output } = startProcess({
      DATABASE_URL: database.url,
      ADMIN_USERNAME: 'ada',
      ADMIN_EMAIL: 'a@example.org',
      ADMIN_PASSWORD: 'correct horse',
      API_TOKEN: 't'.repeat(40),
    })
    const base = await url()
    const stream = await fetch(`${base}/api/events`, { headers: { authorization: `Bearer ${'t'.repeat(40)}` } })
    expect(stream.status).toBe(200)
    child.kill(signal)
    expect(await exit).toBe(0)
    await stream.text()
    expect(output.text).not.toMatch(/"level":(50|60)/)
    await eventually(
      () =>
        database.sql`select application_name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    ).toEqual([])
  }
})

test('waits for a database that is not there yet', async () => {
  const road = await makeRoad(database.url)
  road.cut()
  const { child, exit, url, output } = startProcess({ DATABASE_URL: road.url })
  await eventually(() => output.text).toContain('waiting for the database')
  road.mend()
  expect((await fetch(`${await url()}/health`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  await road.close()
})

test('can be told to stop while it waits', async () => {
  const { child, exit, output } = startProcess({ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/none' })
  await eventually(() => output.text).toContain('waiting for the database')
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
})

test('says in words what is wrong, and does not start', async () => {
  const settings = startProcess({ DATABASE_URL: 'mysql://db', PORT: 'eighty' })
  expect(await settings.exit).toBe(1)
  expect(settings.output.text).toMatch(/PORT is not a whole number[^]*DATABASE_URL does not begin with postgres/)

  const wrong = new URL(database.url)
  wrong.pathname = '/no_such_database'
  const refused = startProcess({ DATABASE_URL: wrong.href })
  expect(await refused.exit).toBe(1)
  expect(refused.output.text).toMatch(/The database refuses us: database .*no_such_database.* does not exist/)

  const { port } = new URL(database.url)
  const taken = startProcess({ DATABASE_URL: database.url, PORT: port })
  expect(await taken.exit).toBe(1)
  expect(taken.output.text).toMatch(/EADDRINUSE/)
})

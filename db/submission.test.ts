// Postgres as a door for programs: whoever has the role archiver_client may submit jobs, and nothing else.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { connect, type Sql } from './connect.ts'
import { makeTestDatabase, type TestDatabase } from './testing/database.ts'

const bot = `backup_bot_${randomBytes(4).toString('hex')}`
let database: TestDatabase
let client: Sql
let archive: number
let stack: number

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  const { sql } = database
  const host = await database.addHost()
  const [made] = await sql<[{ archive: number; stack: number }]>`
    with stack as (
      insert into archiver.stacks (host_id, path, name, folder, compose_file, project, kind, containers, mounts, own)
      values (${host.id}, '/srv/wiki', 'wiki', 'wiki', 'compose.yml', 'wiki', 'nested', '[]', '[]', false) returning id
    ), archive as (
      insert into archiver.archives (name, folder, mode, format, level, include_volumes, max_downtime, time_zone)
      values ('nightly', 'nightly', 'stop', 'tar.zst', 3, true, 900, 'UTC') returning id
    )
    select stack.id as stack, archive.id as archive from stack, archive`
  ;({ archive, stack } = made)
  await sql`insert into archiver.archive_stacks values (${archive}, ${stack})`

  // as README.md says
  const name = new URL(database.url).pathname.slice(1)
  await sql.unsafe(`
    create role ${bot} login password 'choose one';
    grant archiver_client to ${bot};
    grant connect on database ${name} to ${bot};`)
  const url = new URL(database.url)
  url.username = bot
  url.password = 'choose one'
  client = connect(url.href, { name: 'a program', max: 2 })
})

afterAll(async () => {
  await client.end()
  await database.sql.unsafe(`drop owned by ${bot}; drop role ${bot}`)
  await database.drop()
})

async function submit(sql: Sql, text: string): Promise<{ id: number; triggered_by: string; is_dry_run: boolean }> {
  const [row] = await sql.unsafe<{ id: number }[]>(text)
  const [job] = await database.sql<{ id: number; triggered_by: string; is_dry_run: boolean }[]>`
    select id, triggered_by, is_dry_run from archiver.jobs where id = ${row?.id ?? 0}`
  if (!job) throw new Error('no job was made')
  await database.sql`update archiver.jobs set status = 'success', end_time = now() where id = ${job.id}`
  await database.sql`update archiver.tasks set state = 'finished' where job_id = ${job.id}`
  return job
}

test('Submission via SQL', async () => {
  const job = await submit(client, `select archiver.submit_job(${archive}) as id`)
  expect(job).toMatchObject({ triggered_by: 'sql', is_dry_run: false })
  const dryRun = await submit(client, `select archiver.submit_job(${archive}, is_dry_run => true) as id`)
  expect(dryRun.is_dry_run).toBe(true)
  // it cannot pass for a person or the schedule; the server itself may say who asked
  const disguised = `select archiver.submit_job(${archive}, 'manual') as id`
  expect((await submit(client, disguised)).triggered_by).toBe('sql')
  expect((await submit(database.sql, disguised)).triggered_by).toBe('manual')

  await client`select archiver.submit_job(${archive})`
  await expect(client`select archiver.submit_job(${archive})`).rejects.toThrow(/has not finished yet/)
  await expect(client`select archiver.submit_job(999)`).rejects.toThrow(/There is no archive with id 999/)
})

describe('whoever may submit jobs may do nothing else:', () => {
  const ours = ['archiver', 'auth', 'graphile_worker', 'archiver_migrations', 'public']

  test('no table is theirs to read or write', async () => {
    const tables = await database.sql<{ name: string }[]>`
      select format('%I.%I', n.nspname, c.relname) as name
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ${database.sql(ours)} and c.relkind in ('r', 'v', 'm', 'p', 'f')`
    expect(tables.length).toBeGreaterThan(20)
    for (const { name } of tables) {
      await expect(client.unsafe(`select * from ${name}`), name).rejects.toThrow(/permission denied/)
      await expect(client.unsafe(`delete from ${name}`), name).rejects.toThrow(/permission denied/)
    }
    const sequences = await database.sql<{ name: string }[]>`
      select format('%I.%I', n.nspname, c.relname) as name
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ${database.sql(ours)} and c.relkind = 'S'`
    for (const { name } of sequences)
      await expect(client.unsafe(`select nextval('${name}')`), name).rejects.toThrow(/permission denied/)
  })

  test('no other function can be called', async () => {
    const callable = await client<{ name: string }[]>`
      select format('%s.%s', n.nspname, p.proname) as name
      from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname not in ('pg_catalog', 'information_schema')
        and has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')`
    expect(callable.map(({ name }) => name)).toEqual(['archiver.submit_job'])
    for (const call of [
      'cancel_job(1)',
      `register_host('mine', 'password')`,
      `agent_claim(1, '{}')`,
      `announce('jobs')`,
    ])
      await expect(client.unsafe(`select archiver.${call}`), call).rejects.toThrow(/permission denied/)
    await expect(client.unsafe(`select graphile_worker.add_job('tick')`)).rejects.toThrow(/permission denied/)
  })

  test('nothing can be made, no role taken on', async () => {
    for (const statement of [
      'create table archiver.mine ()',
      'create table public.mine ()',
      'create temporary table mine ()',
      'create schema mine',
      'create role mine',
      'set role archiver_agent',
      'set role postgres',
      'alter role postgres password null',
    ])
      await expect(client.unsafe(statement), statement).rejects.toThrow(/permission denied|must have|no schema/)
  })

  test('and whoever has not been let in cannot even connect', async () => {
    const name = `stranger_${randomBytes(4).toString('hex')}`
    await database.sql.unsafe(`create role ${name} login password 'x'; grant archiver_client to ${name}`)
    const url = new URL(database.url)
    url.username = name
    url.password = 'x'
    const stranger = connect(url.href, { name: 'a stranger', max: 1 })
    await expect(stranger`select 1`).rejects.toThrow(/permission denied for database/)
    await stranger.end()
    await database.sql.unsafe(`drop owned by ${name}; drop role ${name}`)
  })
})

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { connect, type Sql } from '../connect.ts'
import { NotFound, StaleEpoch } from '../domain/errors.ts'
import type { HostStatus } from '../domain/host.ts'
import type { ReportedStack } from '../domain/stack.ts'
import type { TaskOutcome } from '../domain/task.ts'
import { makeTestDatabase, type TestDatabase } from '../testing/database.ts'
import * as agent from './agent.ts'
import { createArchive } from './archives.ts'
import { finishJob } from './job-end.ts'
import { cancelJob, getJob, listJobStacks, markOutOfContact, submitJob } from './jobs.ts'
import { listLogLines } from './logs.ts'
import { listStacks } from './stacks.ts'

const status: HostStatus = {
  docker: { reachable: true, version: '1', reason: '' },
  archives_dir: '/archives',
  disk: null,
  in_container: false,
  mounts: [],
  unreachable_projects: [],
}
const progress = { phase: 'pack' as const, files: 0, bytes: 0, total_bytes: null, stopped_at: null }
const success: TaskOutcome = {
  status: 'success',
  reason: '',
  was_running: true,
  downtime_seconds: 1.5,
  archive_path: '/archives/a/b.tar.zst',
  backup: {
    path: 'a/b.tar.zst',
    format: 'tar.zst',
    size_bytes: 10,
    file_count: 1,
    sha256: 'ab',
    created_at: '2026-01-01T00:00:00Z',
    verified_at: '2026-01-01T00:00:01Z',
    unreadable_count: 0,
    content_bytes: 2,
    reused_bytes: 1,
  },
  not_covered: [],
  pull: null,
}
const failure: TaskOutcome = { ...success, status: 'failed', reason: 'it broke', backup: null, archive_path: null }

function stackAt(path: string): ReportedStack {
  const name = path.split('/').at(-1) ?? ''
  return {
    path,
    name,
    compose_file: 'compose.yaml',
    project: name,
    kind: 'nested',
    containers: [],
    mounts: [],
    own: false,
  }
}

let database: TestDatabase
let sql: Sql
let names = 0

beforeAll(async () => {
  database = await makeTestDatabase(inject('serverUrl'))
  sql = database.sql
})
afterAll(() => database.drop())

/** A host with a running agent and its own stacks, and a job of them. */
async function hostWithJob(paths = ['/srv/one']) {
  const host = await database.addHost()
  const own = connect(host.url, { name: 'agent', max: 2 })
  const { epoch } = await agent.startAgent(own, '1.0', status, [])
  await agent.reportStacks(own, epoch, paths.map(stackAt))
  const stacks = await listStacks(sql, { host_id: host.id })
  const archive = await createArchive(sql, {
    name: `archive ${(names += 1)}`,
    mode: 'stop',
    format: 'tar.zst',
    level: 3,
    include_volumes: true,
    max_downtime: 900,
    time_zone: 'UTC',
    stack_ids: stacks.map(({ id }) => id),
  })
  const job = await submitJob(sql, archive.id, 'manual')
  return { host, own, epoch, archive, job, [Symbol.asyncDispose]: () => own.end({ timeout: 5 }) }
}

describe('the role of a host', () => {
  test('reads and changes no table, whatever its schema', async () => {
    await using one = await hostWithJob()
    const tables = await sql<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname in ('archiver', 'auth', 'graphile_worker', 'archiver_migrations')`
    expect(tables.length).toBeGreaterThan(12)
    for (const { name } of tables) {
      await expect(one.own.unsafe(`select * from ${name}`), name).rejects.toThrow(/permission denied/)
      await expect(one.own.unsafe(`delete from ${name}`), name).rejects.toThrow(/permission denied/)
    }
  })

  test('may execute the agent_* functions and no other', async () => {
    await using one = await hostWithJob()
    const functions = await one.own<{ name: string }[]>`
      select p.proname as name from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('archiver', 'graphile_worker') and has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')
      order by 1`
    expect(functions.map(({ name }) => name)).toEqual([
      'agent_claim',
      'agent_finish',
      'agent_flush',
      'agent_heartbeat',
      'agent_log',
      'agent_report_stacks',
      'agent_start',
    ])
    await expect(one.own`create temporary table mine (id integer)`).rejects.toThrow(/permission denied/)
    await expect(one.own`create table public.mine (id integer)`).rejects.toThrow(/permission denied/)
  })

  test('cannot touch a task of another host', async () => {
    await using one = await hostWithJob()
    await using other = await hostWithJob()
    const task = await agent.claimTask(one.own, one.epoch, [])
    expect(task?.job_id).toBe(one.job)
    const id = task?.id ?? 0
    await expect(agent.finishTask(other.own, other.epoch, id, success)).rejects.toThrow(NotFound)
    await expect(agent.sendLog(other.own, other.epoch, id, [])).rejects.toThrow(NotFound)
    await agent.heartbeat(other.own, other.epoch, null, [{ id, progress }])
    expect((await listJobStacks(sql, one.job))[0]).toMatchObject({ status: 'running', progress: null })
    const theirs = await agent.claimTask(other.own, other.epoch, [])
    expect(theirs?.job_id, 'it is given its own tasks only').toBe(other.job)
  })

  test('of no host is refused in words', async () => {
    await expect(agent.claimTask(sql, 1, [])).rejects.toThrow('is not the role of any host')
  })
})

describe('the epoch', () => {
  test('an older one is refused by every call', async () => {
    await using one = await hostWithJob()
    const task = await agent.claimTask(one.own, one.epoch, [])
    const newer = await agent.startAgent(one.own, '1.1', status, [])
    expect(newer.epoch).toBe(one.epoch + 1)
    const id = task?.id ?? 0
    for (const call of [
      () => agent.claimTask(one.own, one.epoch, []),
      () => agent.heartbeat(one.own, one.epoch, null, []),
      () => agent.sendLog(one.own, one.epoch, id, []),
      () => agent.finishTask(one.own, one.epoch, id, success),
      () => agent.reportStacks(one.own, one.epoch, []),
    ])
      await expect(call()).rejects.toThrow(StaleEpoch)
  })

  test('a new one closes what the old one left, with what its journal knows', async () => {
    await using one = await hostWithJob(['/srv/known', '/srv/unknown'])
    await sql`update archiver.hosts set parallel_stacks = 2 where id = ${one.host.id}`
    const known = await agent.claimTask(one.own, one.epoch, [])
    const unknown = await agent.claimTask(one.own, one.epoch, [known?.id ?? 0])
    expect(unknown).not.toBeNull()
    await agent.startAgent(one.own, '1.0', status, [
      {
        task_id: known?.id ?? 0,
        outcome: failure,
        lines: [{ seq: 1e9, at: new Date().toISOString(), level: 'warn', text: 'brought back' }],
      },
    ])
    const stacks = await listJobStacks(sql, one.job)
    expect(stacks.map(({ status, reason }) => [status, reason])).toEqual([
      ['failed', 'it broke'],
      ['failed', `the agent of host ${one.host.name} was restarted during this step`],
    ])
    expect((await listLogLines(sql, one.job, { after: 0, limit: 100 })).map(({ text }) => text)).toContain(
      'brought back',
    )
  })

  test('many agents that start at once take an epoch each', async () => {
    await using one = await hostWithJob()
    const epochs = await Promise.all(Array.from({ length: 8 }, () => agent.startAgent(one.own, '1', status, [])))
    expect(new Set(epochs.map(({ epoch }) => epoch)).size).toBe(8)
  })
})

describe('a task', () => {
  test('is given to one of many claims, and again when the answer was lost', async () => {
    await using one = await hostWithJob(['/srv/one', '/srv/two'])
    const claims = await Promise.all(Array.from({ length: 2 }, () => agent.claimTask(one.own, one.epoch, [])))
    const id = claims[0]?.id ?? 0
    expect(
      claims.map((claim) => claim?.id),
      'the second is the lost answer of the first',
    ).toEqual([id, id])
    expect(await agent.claimTask(one.own, one.epoch, [id]), 'one stack at a time').toBeNull()
    await agent.finishTask(one.own, one.epoch, id, success)
    expect((await agent.claimTask(one.own, one.epoch, []))?.id).not.toBe(id)
  })

  test('whose lease ran out is taken from nobody, said once, and resumed by its own epoch', async () => {
    await using one = await hostWithJob()
    const task = await agent.claimTask(one.own, one.epoch, [])
    const id = task?.id ?? 0
    await sql`update archiver.tasks set lease_until = now() - interval '1 second' where id = ${id}`
    await markOutOfContact(sql)
    await markOutOfContact(sql)
    expect((await listJobStacks(sql, one.job))[0]?.out_of_contact_since).toBeInstanceOf(Date)
    expect(await agent.claimTask(one.own, one.epoch, [id])).toBeNull()
    await agent.heartbeat(one.own, one.epoch, null, [{ id, progress }])
    const lines = (await listLogLines(sql, one.job, { after: 0, limit: 100 })).map(({ text }) => text)
    expect(lines.filter((text) => text.includes('has been out of contact since'))).toHaveLength(1)
    expect(lines.filter((text) => text.includes('is in contact again'))).toHaveLength(1)
    expect((await listJobStacks(sql, one.job))[0]).toMatchObject({ status: 'running', out_of_contact_since: null })
  })

  test('stores a line sent twice once, in order, and a result sent twice once', async () => {
    await using one = await hostWithJob()
    const task = await agent.claimTask(one.own, one.epoch, [])
    const id = task?.id ?? 0
    const line = (seq: number) => ({
      seq,
      at: new Date().toISOString(),
      level: 'info' as const,
      text: `line ${seq} \0\ud800`,
    })
    await agent.sendLog(one.own, one.epoch, id, [line(1), line(2)])
    await agent.sendLog(one.own, one.epoch, id, [line(2), line(3)])
    const lines = await listLogLines(sql, one.job, { after: 1, limit: 100 })
    expect(lines.map(({ line, text }) => [line, text])).toEqual([
      [2, 'line 1 \uFFFD\uFFFD'],
      [3, 'line 2 \uFFFD\uFFFD'],
      [4, 'line 3 \uFFFD\uFFFD'],
    ])
    await agent.finishTask(one.own, one.epoch, id, success)
    await agent.finishTask(one.own, one.epoch, id, failure)
    expect((await listJobStacks(sql, one.job))[0]).toMatchObject({ status: 'success', archive_size_bytes: 10 })
    const backups = await sql`select state from archiver.backups where job_id = ${one.job}`
    expect([...backups]).toEqual([{ state: 'good' }])
  })

  test('that ends last hands its job to the worker once, however many end together', async () => {
    await using one = await hostWithJob(['/srv/a', '/srv/b', '/srv/c'])
    await sql`update archiver.hosts set parallel_stacks = 3 where id = ${one.host.id}`
    const ids: number[] = []
    for (;;) {
      const task = await agent.claimTask(one.own, one.epoch, ids)
      if (!task) break
      ids.push(task.id)
    }
    expect(ids).toHaveLength(3)
    await Promise.all(ids.map((id) => agent.finishTask(one.own, one.epoch, id, success)))
    const [work] = await sql<[{ count: number }]>`
      select count(*) from graphile_worker.jobs where task_identifier = 'finish_job' and key = ${`finish_job:${one.job}`}`
    expect(work.count).toBe(1)
    expect(
      await finishJob(
        sql,
        one.job,
        async () => false,
        () => [],
      ),
    ).toMatchObject({ status: 'success', total_size_bytes: 30 })
    expect(
      await finishJob(
        sql,
        one.job,
        async () => false,
        () => [],
      ),
      'a second time nothing is changed',
    ).toBeNull()
  })
})

describe('a host that is gone', () => {
  test('does not hold a job open: after five minutes a cancel closes it, and a backup that turns up later is kept', async () => {
    await using one = await hostWithJob()
    const task = await agent.claimTask(one.own, one.epoch, [])
    const id = task?.id ?? 0
    await cancelJob(sql, one.job)
    expect((await listJobStacks(sql, one.job))[0]?.status).toBe('running')
    await sql`update archiver.tasks set lease_until = now() - interval '6 minutes' where id = ${id}`
    await cancelJob(sql, one.job)
    await finishJob(
      sql,
      one.job,
      async () => false,
      () => [],
    )
    expect((await getJob(sql, one.job)).status).toBe('cancelled')

    expect(await agent.heartbeat(one.own, one.epoch, null, [{ id, progress }]), 'it is told to give up').toEqual([id])
    await agent.finishTask(one.own, one.epoch, id, success)
    const [stack] = await listJobStacks(sql, one.job)
    expect(stack).toMatchObject({ status: 'cancelled', backup_id: expect.any(Number) })
  })

  test('may bring back a finished backup with its next start', async () => {
    await using one = await hostWithJob()
    const task = await agent.claimTask(one.own, one.epoch, [])
    const id = task?.id ?? 0
    await agent.startAgent(one.own, '1', status, [])
    await agent.startAgent(one.own, '1', status, [{ task_id: id, outcome: success, lines: [] }])
    expect((await listJobStacks(sql, one.job))[0]).toMatchObject({ status: 'failed', backup_id: expect.any(Number) })
  })
})

describe('a cancel', () => {
  test('closes what waits, asks for what runs, and is remembered', async () => {
    await using one = await hostWithJob(['/srv/runs', '/srv/waits'])
    const task = await agent.claimTask(one.own, one.epoch, [])
    const id = task?.id ?? 0
    await cancelJob(sql, one.job)
    await cancelJob(sql, one.job)
    expect((await listJobStacks(sql, one.job)).map(({ status }) => status)).toEqual(['running', 'cancelled'])
    expect(await agent.heartbeat(one.own, one.epoch, null, [{ id, progress }])).toEqual([id])
    await agent.finishTask(one.own, one.epoch, id, { ...failure, status: 'cancelled' })
    await finishJob(
      sql,
      one.job,
      async () => false,
      () => [],
    )
    expect((await getJob(sql, one.job)).status).toBe('cancelled')
    await expect(cancelJob(sql, one.job)).rejects.toThrow('has already ended: cancelled')
  })
})

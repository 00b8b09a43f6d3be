// What the dashboard asks for, what 200 agents at once get done, and what an agent costs that has nothing to do.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Sql } from '../../db/connect.ts'
import type { TaskOutcome } from '../../db/domain/task.ts'
import { claimTask, finishTask, startAgent as takeEpoch } from '../../db/queries/agent.ts'
import { startAgent } from '../testbed/processes.ts'
import { addHost, fillWithYears, startInstallation, type Installation } from './installation.ts'
import { latencyRow, timesOf, type Row } from './measure.ts'

const storage = '/api/dashboard/storage'

/** All that is asked for when the dashboard is opened; `npm run bench -- web` tells when a browser asks for anything else. */
export const dashboardRequests = [
  '/api/setup',
  '/api/me',
  '/api/settings',
  '/api/hosts',
  '/api/stacks',
  '/api/archives',
  '/api/dashboard',
  storage,
  '/api/jobs?limit=25',
  '/api/jobs?status=running&limit=20',
  '/api/jobs?status=queued&limit=20',
]

const agents = 200
const tasksEach = 50
const warmUp = 10

export async function api(): Promise<Row[]> {
  await using installation = await startInstallation([`max_connections=${agents + 100}`])
  await fillWithYears(installation)
  const perPath = new Map<string, number[]>()
  for (const path of dashboardRequests) perPath.set(path, await timesOf(200, () => installation.get(path)))
  const together = await timesOf(300, () => Promise.all(dashboardRequests.map((path) => installation.get(path))))
  const slowest = [...perPath].map(([path, times]) => latencyRow(`${path} alone`, times, 0.95, 50))
  return [
    latencyRow('dashboard data with 10,000 jobs and 100,000 backups, all of it', together, 0.95, 50),
    ...slowest,
    latencyRow(`${storage} after a backup was made`, await timesAfterBackup(installation), 0.95, 250),
    latencyRow('`/metrics` with the same', await timesOf(50, () => scrape(installation)), 0.95, 250),
    await tasksRow(installation),
    ...(await idleRows(installation)),
  ]
}

/** The server keeps the chart until backups change. */
async function timesAfterBackup({ sql, get }: Installation): Promise<number[]> {
  const times: number[] = []
  for (let time = 0; time < 20; time++) {
    await sql`select archiver.announce('backups')`
    await sleep(100)
    const begun = performance.now()
    await get(storage)
    times.push(performance.now() - begun)
  }
  return times
}

async function scrape({ server }: Installation): Promise<void> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })
  await response.text()
}

const outcome: TaskOutcome = {
  status: 'success',
  reason: '',
  was_running: true,
  downtime_seconds: 1,
  archive_path: null,
  backup: null,
  not_covered: [],
  pull: null,
}

/** Each agent with a connection of its own and a job of 50 stacks. */
async function tasksRow(installation: Installation): Promise<Row> {
  const { sql } = installation
  const hosts = []
  for (let agent = 1; agent <= agents; agent++) hosts.push(await addHost(installation, `agent-${agent}`))
  const status = {
    docker: { reachable: true, version: '', reason: '' },
    archives_dir: '',
    disk: null,
    in_container: false,
    mounts: [],
    unreachable_projects: [],
  }
  const connected: { sql: Sql; epoch: number }[] = []
  for (const { url } of hosts) {
    const sql = connect(url, { name: 'bench agent', max: 1 })
    connected.push({ sql, ...(await takeEpoch(sql, '0', status, [])) })
  }
  await sql.unsafe(`
    with made as (
      insert into archiver.jobs (job_type, archive_name, triggered_by, phase)
      select 'archive', h.name, 'manual', 3 from archiver.hosts as h where h.name like 'agent-%' returning id, archive_name
    ), stacks as (
      insert into archiver.job_stacks (job_id, host_id, stack_name)
      select made.id, h.id, 'stack-' || n from made join archiver.hosts as h on h.name = made.archive_name,
        generate_series(1, ${warmUp + tasksEach}) as n
      returning id, job_id, host_id
    )
    insert into archiver.tasks (job_id, job_stack_id, host_id, kind, payload)
    select job_id, id, host_id, 'archive_stack', '{}' from stacks`)
  await sql.unsafe('analyze archiver.tasks; analyze archiver.jobs; analyze archiver.job_stacks; analyze archiver.hosts')

  const work = (most: number) =>
    Promise.all(
      connected.map(async ({ sql, epoch }) => {
        for (let finished = 0; finished < most; finished++) {
          const task = await claimTask(sql, epoch, [])
          if (!task) throw new Error('there is no task')
          await finishTask(sql, epoch, task.id, outcome)
        }
      }),
    )
  // an agent's connection lasts for weeks: what Postgres learns with the first calls is not measured
  await work(warmUp)
  const begun = performance.now()
  await work(tasksEach)
  const seconds = (performance.now() - begun) / 1000
  await Promise.all(connected.map(({ sql }) => sql.end()))
  const total = agents * tasksEach
  const rate = total / seconds
  return {
    what: `tasks claimed and finished by ${agents} simulated agents`,
    wanted: '≥ 1,000 a second',
    measured: `${Math.round(rate)} a second (${total} in ${seconds.toFixed(1)} s)`,
    reached: rate >= 1000,
  }
}

const idleSeconds = 60

/** An agent that has started and found nothing: memory, and how often it asks the database. */
async function idleRows(installation: Installation): Promise<Row[]> {
  const { sql, folder } = installation
  const host = await addHost(installation, 'idle')
  const options = {
    databaseUrl: host.url,
    stacksDirs: [],
    dataDir: `${folder}/agent`,
    env: { NODE_COMPILE_CACHE: `${folder}/compile-cache` },
  }
  // as `npm start` and the image have it: started before
  const first = await startAgent(options)
  await sleep(10_000)
  await first.stop()
  await using agent = await startAgent(options)
  await sleep(20_000)
  const asked = new Map<string, string>()
  for (let waited = 0; waited < idleSeconds * 10; waited++) {
    const rows = await sql<{ key: string; query: string }[]>`
      select pid || ' ' || query_start as key, query from pg_stat_activity where usename = 'archiver_host_idle'`
    for (const { key, query } of rows) asked.set(key, query)
    await sleep(100)
  }
  const rss = Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${agent.pid}/status`, 'utf8'))?.[1]) / 1024
  const beats = [...asked.values()].filter((query) => query.includes('agent_heartbeat')).length
  // what stands there at the beginning was asked before
  const others = Math.max(0, asked.size - beats - 3)
  return [
    { what: 'agent idle: memory', wanted: 'RSS ≤ 100 MB', measured: `${rss.toFixed(0)} MB`, reached: rss <= 100 },
    {
      what: `agent idle: queries within ${idleSeconds} s beside the heartbeat`,
      wanted: `≤ ${idleSeconds / 10}`,
      measured: `${others}, and ${beats} heartbeats`,
      reached: others <= idleSeconds / 10,
    },
  ]
}

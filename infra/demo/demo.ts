// A whole demo: a database, three hosts, three months of backups, and the product running on them.
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, type Sql } from 'db/connect'
import { migrate } from 'db/migrate'
import { createArchive } from 'db/queries/archives'
import { registerHost } from 'db/queries/hosts'
import { changeSettings } from 'db/queries/settings'
import { keepRunning } from '../start/keep-running.ts'
import { freePort, startPostgres } from '../start/postgres.ts'
import { agentDatabaseUrl } from '../start/settings.ts'
import { openEngine, type DemoEngine } from './engine.ts'
import { playPast } from './past.ts'
import { playAgent, type PlayedHost } from './played-agent.ts'
import { playPresent } from './present.ts'
import { dayLong, layOut, type StacksOnDisk } from './stacks.ts'
import { archives, hostNames, type HostName } from './story.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface DemoOptions {
  /** Made anew, and removed in the end. */
  folder: string
  /** Default: a free one, on the loopback address. */
  port?: number
  /** Of history; default 92. */
  days?: number
  /** Default: one of its own below `folder`. A superuser's URL of an empty database; its server must know no hosts of these names. */
  databaseUrl?: string
  /** Told what is being done. */
  say?: (text: string) => void
  signal?: AbortSignal
}

export interface Demo extends AsyncDisposable {
  url: string
  databaseUrl: string
  /** All may sign in with `password`: an admin, an operator, a viewer. */
  users: { username: string; role: string }[]
  password: string
  /** Where the backups of each host lie. */
  archivesDir(host: string): string
  hasDocker: boolean
}

/** Left when a folder is ours to remove. */
const mark = '.docker-archiver-demo'
const people = [
  { username: 'admin', role: 'admin' },
  { username: 'robin', role: 'operator' },
  { username: 'vera', role: 'viewer' },
]

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { folder, days = 92, say = () => {}, signal = new AbortController().signal } = options
  await using undo = new AsyncDisposableStack()
  await makeFolder(folder)
  undo.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  // dozens of processes start: the second one of each kind needs no TypeScript compiler
  process.env['NODE_COMPILE_CACHE'] ??= join(folder, 'compile-cache')
  const [databaseUrl, engine] = await Promise.all([
    options.databaseUrl ?? ownDatabase(folder, undo),
    openEngine().then((engine) => engine && undo.use(engine)),
  ])
  await migrate(databaseUrl)
  if (!engine) say('There is no Docker here: directories are archived as they are.')
  signal.throwIfAborted()

  say(`Living through ${days} days …`)
  // what is due until then has run
  const end = new Date(Date.now() - 60_000)
  const stacks = layOut(folder, end, days)
  const password = randomBytes(16).toString('hex')
  const archivesDir = (host: string) => join(folder, host, 'archives')
  const hosts = hostNames.map((name) => ({
    name,
    databaseUrl: agentDatabaseUrl(databaseUrl, name, password),
    stacksDir: stacks.folderOf(name),
    archivesDir: archivesDir(name),
    dockerHost: engine?.doorOf(name) ?? `unix://${join(folder, 'no-docker.sock')}`,
  }))
  await fill({ databaseUrl, hosts, stacks, days, end, engine, password, signal })

  say('Starting the server and three agents …')
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const env = { ...withoutOurs(process.env), NODE_ENV: 'production', LOG_LEVEL: 'fatal' }
  const server = keepRunning('server', 'functions/main.ts', root, {
    ...env,
    ...{ PORT: String(port), HOST: '127.0.0.1', DATABASE_URL: databaseUrl, SECRET_KEY: randomBytes(32).toString('hex') },
    ...{ ADMIN_USERNAME: 'admin', ADMIN_EMAIL: 'admin@example.org', ADMIN_PASSWORD: 'demo-demo' },
  })
  undo.defer(() => server.stop(10_000))
  const agents = hosts.map((host) =>
    keepRunning(`agent of ${host.name}`, 'agent/main.ts', root, {
      ...env,
      ...{ DATABASE_URL: host.databaseUrl, STACKS_DIRS: host.stacksDir, DOCKER_HOST: host.dockerHost },
      ...{ DATA_DIR: join(folder, host.name), ARCHIVES_DIR: host.archivesDir },
    }),
  )
  undo.defer(async () => void (await Promise.all(agents.map((agent) => agent.stop(60_000)))))
  await untilHealthy(url, signal)

  say('Running a few jobs …')
  await playPresent({ url, password: 'demo-demo', people, stacks, signal })
  const kept = undo.move()
  return {
    ...{ url, databaseUrl, users: people, password: 'demo-demo', archivesDir, hasDocker: engine !== undefined },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function makeFolder(folder: string): Promise<void> {
  if (existsSync(join(folder, mark))) await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty, and not a demo's: choose another one`)
  await writeFile(join(folder, mark), '')
}

async function ownDatabase(folder: string, undo: AsyncDisposableStack): Promise<string> {
  // nothing of it is to survive a crash
  const settings = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']
  const postgres = await startPostgres(join(folder, 'postgres'), 'demo', { settings })
  undo.defer(postgres.stop)
  return postgres.url
}

interface Filling {
  databaseUrl: string
  hosts: (PlayedHost & { name: HostName })[]
  stacks: StacksOnDisk
  days: number
  end: Date
  engine: DemoEngine | undefined
  password: string
  signal: AbortSignal
}

/** Hosts, archives, and all that happened to them until `end`. */
async function fill({ databaseUrl, hosts, stacks, days, end, engine, password, signal }: Filling): Promise<void> {
  await using undo = new AsyncDisposableStack()
  const sql = connect(databaseUrl, { name: 'demo', max: 2 })
  undo.defer(() => sql.end({ timeout: 5 }))
  const start = new Date(end.getTime() - days * dayLong)
  const began = new Date()
  const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone
  await stacks.growTo(start)
  await engine?.up(stacks.pathOf)
  for (const { name } of hosts) await registerHost(sql, name, password)
  await changeSettings(sql, 'cleanup', { cron: '30 1 * * 1' })
  // who works in the queue is the server, later
  await sql`alter table archiver.jobs disable trigger user`
  const agents = await inOrder(hosts, async (host) => {
    await mkdir(host.archivesDir, { recursive: true })
    return undo.use(await playAgent(host))
  })
  await makeArchives(sql, timeZone, engine !== undefined)
  const lookAgain = async () => {
    await engine?.up(stacks.pathOf)
    await Promise.all(agents.map((agent) => agent.look()))
  }
  await playPast({ sql, agents, stacks, start, end, timeZone, lookAgain, signal, began })
  await sql`alter table archiver.jobs enable trigger user`
  await sql.unsafe('vacuum analyze')
}

async function makeArchives(sql: Sql, timeZone: string, hasDocker: boolean): Promise<void> {
  for (const { name, stacks, mode, format, cron, keep, volumes } of archives) {
    const [found] = await sql<[{ host: number | null; ids: number[] }]>`
      select (select id from archiver.hosts where name = ${'allOf' in stacks ? stacks.allOf : ''}) as host,
        array(select id from archiver.stacks where name = any(${'allOf' in stacks ? [] : stacks}) order by id) as ids`
    await createArchive(sql, {
      ...{ name, format, level: 3, max_downtime: 900, time_zone: timeZone },
      mode: hasDocker ? mode : 'live',
      include_volumes: volumes ?? true,
      stack_ids: found.ids,
      all_stacks_of_host: found.host,
      schedule_enabled: cron !== null,
      ...(cron !== null && { schedule_cron: cron }),
      retention_keep_days: keep.days ?? 0,
      retention_keep_weeks: keep.weeks ?? 0,
      retention_keep_months: keep.months ?? 0,
      retention_keep_years: keep.years ?? 0,
      retention_one_per_day: keep.onePerDay ?? false,
    })
  }
}

async function inOrder<One, Result>(all: One[], work: (one: One) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  for (const one of all) results.push(await work(one))
  return results
}

async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/health`).catch(() => undefined)
    if (answer?.ok) return
    await sleep(100, undefined, { signal })
  }
}

/** Settings of this process that are about another installation. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(DATABASE_URL|SECRET_KEY|API_TOKEN|ADMIN_\w+|AGENT_PASSWORD|BASE_URL|ARCHIVES_DIR|STACKS_DIRS|DATA_DIR|HOST_NAME|DOWNLOADS_DIR|TRANSFER_URL)(_FILE)?$/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)))
}

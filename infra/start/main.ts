// `npm start`: PostgreSQL (unless there is one), the pages, the server and this machine's agent, until Ctrl-C.
import './follow-parent.ts'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildWebIfStale } from './build-web.ts'
import { keepRunning, type Kept } from './keep-running.ts'
import { startPostgres } from './postgres.ts'
import { readSecrets, type Secrets } from './secrets.ts'
import { agentDatabaseUrl, readStartSettings, withoutServerSecrets, type StartSettings } from './settings.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const agentPatience = 10 * 60_000
const serverPatience = 10_000

const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    console.log(ending.signal.aborted ? 'Already ending; stacks are brought back up first.' : 'Ending …')
    ending.abort()
  })
}

try {
  await using running = new AsyncDisposableStack()
  await start(running)
  await aborted(ending.signal)
} catch (error) {
  if (!ending.signal.aborted) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
process.exit()

async function start(running: AsyncDisposableStack): Promise<void> {
  const settings = readStartSettings(process.env, hostname(), root)
  await refuseTakenPort(settings)
  const secrets = await readSecrets(settings.dataDir)
  const pages = buildWebIfStale(root, ending.signal)
  pages.catch(() => {})
  const databaseUrl = await openDatabase(settings, secrets, running)
  await pages
  ending.signal.throwIfAborted()

  const server = startServer(settings, secrets, databaseUrl)
  running.defer(() => server.stop(serverPatience))
  await untilHealthy(settings, server)

  const agent = startAgent(settings, secrets, databaseUrl)
  running.defer(() => stopAgent(agent))
  console.log(await nextStep(settings))
}

async function openDatabase(settings: StartSettings, secrets: Secrets, running: AsyncDisposableStack): Promise<string> {
  if (settings.databaseUrl !== undefined) return settings.databaseUrl
  const postgres = await startPostgres(join(settings.dataDir, 'postgres'), secrets.postgres_password)
  running.defer(postgres.stop)
  void postgres.ended.then(() => {
    if (ending.signal.aborted || process.exitCode !== undefined) return
    console.error('PostgreSQL ended unexpectedly: ending everything. Start again, and see that its disk has space.')
    process.exitCode = 1
    ending.abort()
  })
  return postgres.url
}

function startServer(settings: StartSettings, secrets: Secrets, databaseUrl: string): Kept {
  const isOurDatabase = settings.databaseUrl === undefined
  const { DATABASE_URL_FILE: _file, AGENT_PASSWORD_FILE: _password, ...env } = process.env
  return keepRunning('server', 'functions/main.ts', root, {
    ...env,
    NODE_ENV: 'production',
    PORT: String(settings.port),
    HOST: settings.host,
    DATABASE_URL: databaseUrl,
    HOST_NAME: settings.hostName,
    AGENT_PASSWORD: secrets.agent_password,
    ...(isOurDatabase && !process.env['SECRET_KEY_FILE'] && !process.env['SECRET_KEY']
      ? { SECRET_KEY: secrets.secret_key }
      : {}),
  })
}

function startAgent(settings: StartSettings, secrets: Secrets, databaseUrl: string): Kept {
  return keepRunning('agent', 'agent/main.ts', root, {
    ...withoutServerSecrets(process.env),
    NODE_ENV: 'production',
    DATA_DIR: settings.dataDir,
    // from its second start on it needs no TypeScript compiler in its memory
    NODE_COMPILE_CACHE: join(settings.dataDir, 'compile-cache'),
    DATABASE_URL: agentDatabaseUrl(databaseUrl, settings.hostName, secrets.agent_password),
  })
}

async function stopAgent(agent: Kept): Promise<void> {
  const slow = setTimeout(() => {
    console.log('Waiting for the agent: it brings every stack it stopped back up before it ends (10 minutes at most).')
  }, 2000)
  await agent.stop(agentPatience)
  clearTimeout(slow)
}

async function untilHealthy({ address }: StartSettings, server: Kept): Promise<void> {
  const ended = server.firstEnd.then((how) =>
    Promise.reject(new Error(`The server did not start (${how}), see above.`)),
  )
  const healthy = async () => {
    for (;;) {
      const answer = await fetch(`${address}/health`).catch(() => undefined)
      if (answer?.ok) return
      await sleep(100, undefined, { signal: ending.signal })
    }
  }
  await Promise.race([healthy(), ended])
}

async function nextStep({ address, hostName }: StartSettings): Promise<string> {
  const answer = await fetch(`${address}/api/setup`).catch(() => undefined)
  const { needed } = answer?.ok ? ((await answer.json()) as { needed: boolean }) : { needed: false }
  const step = needed ? 'Open it and create the admin.' : 'Open it and sign in.'
  const stacks = process.env['STACKS_DIRS']
    ? ''
    : '\nSet STACKS_DIRS to the folders that hold your stacks, separated by commas.'
  return `\nDocker Archiver runs at ${address} (host ${hostName}). ${step}${stacks}\nCtrl-C ends it.\n`
}

async function refuseTakenPort({ port, host }: StartSettings): Promise<void> {
  const probe = createServer()
  await new Promise<void>((done, failed) => {
    probe.once('error', (error: NodeJS.ErrnoException) =>
      failed(new Error(portProblem(error, port, host), { cause: error })),
    )
    probe.listen(port, host, done)
  })
  await new Promise((done) => probe.close(done))
}

function portProblem(error: NodeJS.ErrnoException, port: number, host: string): string {
  if (error.code === 'EADDRINUSE')
    return `Port ${port} is taken by another program. Choose another one: PORT=8081 npm start`
  if (error.code === 'EACCES')
    return `Port ${port} may not be used by this user. Choose one above 1023: PORT=8080 npm start`
  return `Nothing can listen on ${host} port ${port}: ${error.message}`
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }))
}

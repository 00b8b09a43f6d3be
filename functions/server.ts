// One running server: its connections, its worker, its port; begun in order and ended in the reverse.
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import { connect } from 'db/connect'
import { messageOf } from 'db/domain/errors'
import { migrate } from 'db/migrate'
import pg from 'pg'
import type { Logger } from 'pino'
import { makeApi } from './api.ts'
import { makeAuth } from './auth.ts'
import type { Config } from './config.ts'
import { makeLive } from './live.ts'
import manifest from './package.json' with { type: 'json' }
import { makePool } from './pool.ts'
import { isUnreachableDatabase } from './problems.ts'
import { prepareAllWithLinks } from './downloads.ts'
import { setUpUnattended } from './setup.ts'
import { makeTransfers } from './transfers.ts'
import { makeWeb } from './web.ts'
import { startMailWorker, startWorker } from './worker.ts'

const pages = fileURLToPath(new URL('../web/build', import.meta.url))

export interface RunningServer {
  /** Where people find it: BASE_URL where it is set. */
  url: string
  port: number
  /** Resolves within a few seconds, whoever is still connected. */
  stop(): Promise<void>
}

/** Waits for the database as long as it takes, or until `given up` is aborted. */
export async function startServer(config: Config, log: Logger, givenUp: AbortSignal): Promise<RunningServer> {
  await using started = new AsyncDisposableStack()
  const later = (end: () => unknown) => started.defer(async () => void (await end()))

  await waitForDatabase(config.databaseUrl, log, givenUp)
  await migrate(config.databaseUrl)

  const sql = connect(config.databaseUrl, { name: 'archiver server' })
  later(() => sql.end({ timeout: 2 }))
  const authPool = makePool(config.databaseUrl, 'archiver sign-in', 5, log, '-c search_path=auth')
  later(() => authPool.end())
  const auth = makeAuth(config, authPool, log)
  await setUpUnattended({ sql, auth, config }, config)

  const workerPool = makePool(config.databaseUrl, 'archiver worker', 8, log)
  later(() => workerPool.end())
  const worker = await keepWorking(() => startWorker(workerPool, sql, log, config.timeZone), log)
  later(worker.stop)
  const mailWorker = await keepWorking(() => startMailWorker(workerPool, sql, log, config), log)
  later(mailWorker.stop)
  const live = makeLive(config.databaseUrl, log)
  later(live.close)

  const stopping = new AbortController()
  let port = 0
  const url = () => config.transferUrl ?? ownUrl(config, port)
  const transfers = makeTransfers({ sql, log, url, stopping: stopping.signal })
  const app = makeApi({
    config,
    transfers,
    version: manifest.version,
    sql,
    auth,
    live,
    log,
    stopping: stopping.signal,
    ailments: () => [
      ...(worker.runs() ? [] : ['The worker that closes finished jobs is not running']),
      ...(mailWorker.runs() ? [] : ['The worker that sends mail is not running']),
    ],
  })
  app.route('/', makeWeb(pages))
  const server = createAdaptorServer({ fetch: app.fetch })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.port, config.host, resolve)
  })
  later(() => closeServer(server, stopping))

  const ending = started.move()
  const address = server.address() as AddressInfo
  port = address.port
  if (config.autoGenerate.onStartup) {
    await prepareAllWithLinks(sql, log).catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, 'files for downloads could not be prepared')
    })
  }
  return { url: urlOf(config, address), port: address.port, stop: () => ending.disposeAsync() }
}

/** Streams end at once, what is being answered has a second to do so. */
async function closeServer(server: ServerType, stopping: AbortController): Promise<void> {
  stopping.abort()
  let closed = false
  const closing = new Promise<void>((resolve) => server.close(() => resolve())).then(() => (closed = true))
  if (!('closeIdleConnections' in server)) return void (await closing)
  for (let waited = 0; !closed && waited < 1000; waited += 20) {
    server.closeIdleConnections()
    await Promise.race([closing, sleep(20)])
  }
  server.closeAllConnections()
  await closing
}

async function waitForDatabase(url: string, log: Logger, givenUp: AbortSignal): Promise<void> {
  for (let wait = 250; ; wait = Math.min(wait * 2, 5000)) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
    client.on('error', () => {})
    try {
      await client.connect()
      return
    } catch (error) {
      if (!isUnreachableDatabase(error)) throw new Error('The database refuses us', { cause: error })
      log.warn({ error: messageOf(error) }, 'waiting for the database')
    } finally {
      await client.end().catch(() => {})
    }
    await sleep(wait, undefined, { signal: givenUp })
  }
}

/** A worker that gave up is started again: without it no job would ever end. */
async function keepWorking(start: () => ReturnType<typeof startWorker>, log: Logger) {
  const stopping = new AbortController()
  let runner: Awaited<ReturnType<typeof start>> | undefined = await start()
  const forever = (async () => {
    while (!stopping.signal.aborted) {
      try {
        runner ??= await start()
        await runner.promise
      } catch (error) {
        if (!stopping.signal.aborted)
          log.warn({ error: messageOf(error) }, 'the worker has stopped and is started again')
      }
      runner = undefined
      await sleep(1000, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return {
    runs: () => runner !== undefined,
    stop: async () => {
      stopping.abort()
      await runner?.stop().catch(() => {})
      await forever
    },
  }
}

/** For the agent on this machine; for others there is TRANSFER_URL. */
function ownUrl({ host }: Config, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function urlOf(config: Config, { address, port }: AddressInfo): string {
  const everywhere = address === '0.0.0.0' || address === '::'
  const host = everywhere ? 'localhost' : address.includes(':') ? `[${address}]` : address
  return config.baseUrl ?? `http://${host}:${port}`
}

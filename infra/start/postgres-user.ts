// Postgres refuses to run as root: then it runs as the user `postgres`, who is made where there is none.
import { execFile, type SpawnOptions } from 'node:child_process'
import { chown, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Command {
  file: string
  args: string[]
  options: Pick<SpawnOptions, 'uid' | 'gid'>
}

export interface PostgresUser {
  /** How to run a program as this user. */
  command(file: string, ...args: string[]): Command
  /** Gives a file or folder to this user. */
  own(path: string): Promise<void>
}

/** Who Postgres runs as, able to reach these folders. */
export async function postgresUser(folders: string[]): Promise<PostgresUser> {
  if (process.getuid?.() !== 0)
    return { command: (file, ...args) => ({ file, args, options: {} }), own: async () => {} }
  const uid = await idOf('postgres', '-u').catch(async () => {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'postgres'])
    return await idOf('postgres', '-u')
  })
  const gid = await idOf('postgres', '-g')
  const own = (path: string) => chown(path, uid, gid)
  if ((await Promise.all(folders.map(isOpen))).every(Boolean)) {
    return { command: (file, ...args) => ({ file, args, options: { uid, gid } }), own }
  }
  // Somewhere above is a folder closed to others, as /root is: pass through it, as root could, but only reading.
  // (access(2) looks at rights only with that secure bit; Postgres asks it about its own programs.)
  const right = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--securebits=+no_setuid_fixup']
  const flags = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...right, '--']
  return { command: (file, ...args) => ({ file: 'setpriv', args: [...flags, file, ...args], options: {} }), own }
}

async function idOf(user: string, which: '-u' | '-g'): Promise<number> {
  const { stdout } = await run('id', [which, user])
  return Number(stdout)
}

/** Whether every folder up to the root may be passed by anybody. */
async function isOpen(folder: string): Promise<boolean> {
  const { mode } = await stat(folder)
  if ((mode & 0o001) === 0) return false
  return folder === dirname(folder) || (await isOpen(dirname(folder)))
}

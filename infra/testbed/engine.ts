// The Docker Engine the tests use: the machine's own where one answers, else a private one with folders of its own.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive } from './agent-processes.ts'
import { cacheFolder, dockerConfig, removeFolder } from './folders.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { run, works } from './run.ts'
import { until } from './until.ts'

const runFolder = '/run/archiver-testbed'
const usersFolder = join(runFolder, 'users')
const lock = `${runFolder}.lock`
const turn = 120_000
const pidFile = join(cacheFolder, 'engine.pid')
const privateHost = `unix://${runFolder}/docker.sock`

export interface Engine {
  /** A value for DOCKER_HOST; empty when the default socket answers. */
  host: string
  /** Ends a private engine that nobody else uses. */
  stop(): Promise<void>
}

/** Undefined when there is none and none can be started here. */
export async function startEngine(): Promise<Engine | undefined> {
  const host = process.env['DOCKER_HOST'] ?? ''
  if (host !== privateHost && (await answers(host))) return { host, stop: async () => {} }
  if (process.getuid?.() !== 0 || !(await works('dockerd', ['--version']))) return undefined
  const me = join(usersFolder, String(process.pid))
  // Several test runs may share it: joining and leaving must not overlap.
  await oneAtATime(lock, turn, async () => {
    await mkdir(usersFolder, { recursive: true })
    await writeFile(me, '')
    if (!(await answers(privateHost))) await startPrivateEngine()
  })
  return { host: privateHost, stop: () => oneAtATime(lock, turn, () => leavePrivateEngine(me)) }
}

async function answers(host: string): Promise<boolean> {
  const env = { ...process.env, DOCKER_CONFIG: dockerConfig, ...(host === '' ? {} : { DOCKER_HOST: host }) }
  return await works('docker', ['version', '--format', '{{.Server.Version}}'], { env, timeout: 30_000 })
}

async function startPrivateEngine(): Promise<void> {
  console.log('Starting a Docker Engine for the tests …')
  await mkdir(cacheFolder, { recursive: true })
  await endProcess(await runningPid())
  const logFile = join(cacheFolder, 'engine.log')
  const log = openSync(logFile, 'w')
  const child = spawn(
    'dockerd',
    [
      ...['--host', privateHost, '--pidfile', pidFile],
      ...['--data-root', join(cacheFolder, 'engine'), '--exec-root', join(runFolder, 'exec')],
    ],
    // A session of its own: Ctrl-C must not end it before the tests' containers are removed.
    // Its temporary files are its own: it may outlive the run that started it, whose folder is removed.
    { detached: true, stdio: ['ignore', log, log], cwd: '/', env: { ...process.env, TMPDIR: runFolder } },
  )
  closeSync(log)
  let ended = false
  child.on('error', () => (ended = true)).on('exit', () => (ended = true))
  child.unref()
  await until('the Docker Engine of the tests', async () => ended || (await answers(privateHost)))
  if (ended) throw new Error(`The Docker Engine did not start: ${(await readFile(logFile, 'utf8')).slice(-2000)}`)
}

/** The last one out ends it; images stay for the next run, all else goes. */
async function leavePrivateEngine(me: string): Promise<void> {
  await rm(me, { force: true })
  const users = await readdir(usersFolder)
  if (users.some((pid) => isAlive(Number(pid)))) return
  const env = { ...process.env, DOCKER_HOST: privateHost, DOCKER_CONFIG: dockerConfig }
  const containers = (await run('docker', ['ps', '-aq'], { env })).split('\n').filter(Boolean)
  if (containers.length > 0) await run('docker', ['rm', '-fv', ...containers], { env })
  const volumes = (await run('docker', ['volume', 'ls', '-q'], { env })).split('\n').filter(Boolean)
  if (volumes.length > 0) await run('docker', ['volume', 'rm', '-f', ...volumes], { env })
  await run('docker', ['network', 'prune', '-f'], { env })
  await run('docker', ['image', 'prune', '-f', '--filter', 'until=48h'], { env })
  await endProcess(await runningPid())
  await removeFolder(runFolder)
}

/** 0 when there is none; the number in a file that was left behind may belong to another program now. */
async function runningPid(): Promise<number> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'))
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  return command.trim() === 'dockerd' ? pid : 0
}

async function endProcess(pid: number): Promise<void> {
  if (pid === 0) return
  process.kill(pid, 'SIGTERM')
  await until('the Docker Engine to end', () => !isAlive(pid))
}

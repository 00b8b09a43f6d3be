// A registry to pull from, as a process of its own: Debian's docker-registry, serving plain HTTP on this machine.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../start/postgres.ts'
import { aptUnpack } from './apt.ts'
import { docker } from './docker.ts'
import { cacheFolder, temporaryFolder } from './folders.ts'
import { busyboxImage } from './images.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { until } from './until.ts'

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:<port>`: Docker speaks plain HTTP to such a one. */
  host: string
  /** Makes an image of the test image that runs `command`, pushes it under this name and tags it here. */
  publish(name: string, command: string): Promise<void>
}

export async function startRegistry(): Promise<Registry> {
  const program = await fetchRegistry()
  await using undo = new AsyncDisposableStack()
  const folder = undo.use(await temporaryFolder())
  const host = `127.0.0.1:${await freePort()}`
  const configuration = { version: 0.1, storage: { filesystem: { rootdirectory: folder.path } }, http: { addr: host } }
  const file = join(folder.path, 'config.yml')
  await writeFile(file, JSON.stringify(configuration))
  const child = spawn(program, ['serve', file], { stdio: 'ignore' })
  const ended = new Promise((done) => child.on('exit', done).on('error', done))
  undo.defer(async () => {
    child.kill()
    await ended
  })
  await until('the registry to answer', async () => (await fetch(`http://${host}/v2/`)).ok)
  undo.defer(() => forgetImages(host))
  const kept = undo.move()
  return {
    host,
    async publish(name, command) {
      const id = await docker('create', busyboxImage, 'true')
      await docker('commit', '--change', `CMD ${JSON.stringify(['sh', '-c', command])}`, id, `${host}/${name}`)
      await docker('rm', id)
      await docker('push', '--quiet', `${host}/${name}`)
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** Nobody else will ever use them. */
async function forgetImages(host: string): Promise<void> {
  const format = '{{.Repository}}:{{.Tag}}'
  const names = await docker('images', '--filter', `reference=${host}/*`, '--format', format)
  const tagged = names.split('\n').filter((name) => name !== '' && !name.endsWith(':<none>'))
  if (tagged.length > 0) await docker('rmi', '-f', ...tagged)
}

async function fetchRegistry(): Promise<string> {
  const folder = join(cacheFolder, 'registry')
  const program = join(folder, 'usr', 'bin', 'docker-registry')
  await oneAtATime(`${folder}.lock`, 120_000, async () => {
    if (!existsSync(program)) await aptUnpack('docker-registry', folder)
  })
  return program
}

export interface DeafRegistry extends AsyncDisposable {
  host: string
  /** How often somebody connected. */
  connections(): number
}

/** Takes connections and never answers. */
export async function startDeafRegistry(): Promise<DeafRegistry> {
  const sockets = new Set<{ destroy(): void }>()
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
  })
  const port = await freePort()
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  const host = `127.0.0.1:${port}`
  return {
    host,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      await forgetImages(host)
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

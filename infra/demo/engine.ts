// The Docker Engine as the demo uses it: each host's agent sees the containers of its own host, and nothing else that runs
// on this machine may be seen, let alone stopped.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import { connectDocker } from '../../agent/docker/engine.ts'
import { docker } from '../testbed/docker.ts'
import { startEngine } from '../testbed/engine.ts'
import { dockerConfig } from '../testbed/folders.ts'
import { busyboxImage, makeBusyboxImage } from '../testbed/images.ts'
import { compose } from '../testbed/stack.ts'
import { works } from '../testbed/run.ts'
import { imagesOf, label } from './stacks.ts'
import { hostNames, stacks, type DemoStack, type HostName } from './story.ts'

export interface DemoEngine extends AsyncDisposable {
  /** DOCKER_HOST for the agent of a host. */
  doorOf(host: HostName): string
  /** Starts those of these stacks whose folder is there and that do not run yet. */
  up(folderOf: (stack: DemoStack) => string): Promise<void>
}

/** Undefined where there is no engine, or no image that could run. */
export async function openEngine(): Promise<DemoEngine | undefined> {
  await using undo = new AsyncDisposableStack()
  const engine = await startEngine()
  if (!engine) return undefined
  undo.defer(engine.stop)
  process.env['DOCKER_CONFIG'] = dockerConfig
  const ownHost = process.env['DOCKER_HOST']
  if (engine.host) process.env['DOCKER_HOST'] = engine.host
  undo.defer(() => restore('DOCKER_HOST', ownHost))
  await removeContainers()
  const before = await docker('images', '--quiet')
  const image = await findImage()
  if (!image || !(await works('docker', ['compose', 'version']))) return undefined
  const api = connectDocker()
  const id = await docker('images', '--quiet', image)
  for (const name of imagesOf()) await api.getImage(image).tag(tagOf(name))
  undo.defer(async () => {
    await removeContainers()
    for (const name of imagesOf()) await api.getImage(name).remove()
    // a private engine keeps it for the next time
    if (engine.host === '' && !before.includes(id)) await api.getImage(image).remove()
  })
  const folder = await mkdtemp(join(tmpdir(), 'archiver-demo-'))
  undo.defer(() => rm(folder, { recursive: true, force: true }))
  const socket = (host: string) => join(folder, `${host}.sock`)
  for (const host of hostNames) undo.use(await openDoor(host, socket(host), engine.host))
  const running = new Set<string>()
  const kept = undo.move()
  return {
    doorOf: (host) => `unix://${socket(host)}`,
    async up(folderOf) {
      const waiting = stacks.filter((stack) => !running.has(stack.name) && existsSync(folderOf(stack)))
      const next = async (): Promise<void> => {
        const stack = waiting.shift()
        if (!stack) return
        await compose(folderOf(stack), 'up', '-d', '--pull', 'never')
        running.add(stack.name)
        await next()
      }
      await Promise.all([next(), next(), next()])
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

function tagOf(name: string) {
  const [repo = name, tag = 'latest'] = name.split(':')
  return { repo, tag }
}

async function findImage(): Promise<string | undefined> {
  const there = await docker('images', '--quiet', busyboxImage)
  const made = there !== '' || (await succeeds(makeBusyboxImage))
  if (made) return busyboxImage
  return (await works('docker', ['pull', '--quiet', 'busybox:stable'])) ? 'busybox:stable' : undefined
}

async function succeeds(work: () => Promise<void>): Promise<boolean> {
  return work().then(
    () => true,
    () => false,
  )
}

/** Those of an earlier demo, too, that was killed. */
async function removeContainers(): Promise<void> {
  const filter = ['--quiet', '--filter', `label=${label}`]
  const containers = await docker('ps', '--all', ...filter)
  if (containers !== '') await docker('rm', '--force', '--volumes', ...containers.split('\n'))
  const volumes = await docker('volume', 'ls', ...filter)
  if (volumes !== '') await docker('volume', 'rm', '--force', ...volumes.split('\n'))
}

/** Passes requests on; lists name only what carries the label of this host. */
async function openDoor(host: HostName, socket: string, engine: string): Promise<AsyncDisposable> {
  const target = addressOf(engine || process.env['DOCKER_HOST'] || 'unix:///var/run/docker.sock')
  const server = createServer((asked, answer) => pass(asked, answer, target, host))
  server.on('upgrade', (asked: IncomingMessage, socket: Duplex) => passLines(asked, socket, target))
  await new Promise<void>((done, failed) => server.once('error', failed).listen(socket, done))
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

function pass(asked: IncomingMessage, answer: ServerResponse, target: object, host: HostName): void {
  const onward = request(
    { ...target, method: asked.method, path: narrowed(asked.url ?? '/', host), headers: asked.headers },
    (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers)
      answer.flushHeaders()
      found.pipe(answer)
    },
  )
  onward.on('error', () => answer.destroy())
  answer.on('close', () => onward.destroy())
  asked.pipe(onward)
}

/** Joins the two ends of what becomes a stream: the input and output of a helper container. */
function passLines(asked: IncomingMessage, socket: Duplex, target: object): void {
  const onward = request({ ...target, method: asked.method, path: asked.url, headers: asked.headers })
  onward.on('upgrade', (found, other) => {
    const headers = Object.entries(found.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
    socket.write(`HTTP/1.1 101 UPGRADED\r\n${headers.join('')}\r\n`)
    socket.pipe(other).pipe(socket)
    socket.on('error', () => other.destroy()).on('close', () => other.destroy())
    other.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  })
  onward.on('response', () => socket.destroy()).on('error', () => socket.destroy())
  onward.end()
}

/** `/v1.51/containers/json?all=1` with a filter for our label. */
export function narrowed(path: string, host: string): string {
  const url = new URL(path, 'http://docker')
  if (!/^(\/v[\d.]+)?\/(containers\/json|volumes|events)$/.test(url.pathname)) return path
  const given = JSON.parse(url.searchParams.get('filters') ?? '{}') as Record<string, string[] | Record<string, boolean>>
  const labels = Array.isArray(given['label']) ? given['label'] : Object.keys(given['label'] ?? {})
  url.searchParams.set('filters', JSON.stringify({ ...given, label: [...labels, `${label}=${host}`] }))
  return url.pathname + url.search
}

function addressOf(dockerHost: string): object {
  const url = new URL(dockerHost)
  return url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port }
}

function restore(name: string, before: string | undefined): void {
  if (before === undefined) delete process.env[name]
  else process.env[name] = before
}

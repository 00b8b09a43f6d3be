// The Docker Engine as the demo uses it: each host's agent sees the containers of its own host, and nothing else that runs
// on this machine may be seen, let alone stopped.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectDocker } from '../../agent/docker/engine.ts'
import { docker } from '../testbed/docker.ts'
import { openDoor } from '../testbed/engine-door.ts'
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
  for (const host of hostNames) undo.use(await openDoor(socket(host), engine.host, `${label}=${host}`))
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

function restore(name: string, before: string | undefined): void {
  if (before === undefined) delete process.env[name]
  else process.env[name] = before
}

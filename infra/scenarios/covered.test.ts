// What a backup holds beside the stack's directory: volumes that vanish with their last container, and folders elsewhere.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { docker } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse } from '../testbed/house.ts'
import { run } from '../testbed/run.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { composeUp, makeStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

/** One volume of each kind that Docker mounts, a plain one, and one that nobody named. */
const volumesYaml = (folder: string) => `
services:
  app:
    image: archiver-test/busybox
    network_mode: none
    command: ["sh", "-c", "trap 'sleep 1; exit' TERM; while :; do sleep 0.1; done"]
    stop_grace_period: 5s
    volumes: ["plain:/plain", "bound:/bound", "memory:/memory", "layered:/layered", "/nameless"]
volumes:
  plain: {}
  bound: { driver_opts: { type: none, o: bind, device: "${folder}/bound" } }
  memory: { driver_opts: { type: tmpfs, device: tmpfs, o: "size=1m" } }
  layered:
    driver_opts:
      type: overlay
      device: overlay
      o: "lowerdir=${folder}/lower,upperdir=${folder}/upper,workdir=${folder}/work"
`

async function startKeeper() {
  const outside = await temporaryFolder()
  for (const name of ['bound', 'lower', 'upper', 'work']) await mkdir(join(outside.path, name))
  await writeFile(join(outside.path, 'lower', 'below'), 'below\n')
  const stack = await makeStack({ name: uniqueName('keeper'), composeYaml: volumesYaml(outside.path) })
  await composeUp(stack.folder)
  const app = `${stack.name}-app-1`
  await docker(
    'exec',
    app,
    'sh',
    '-c',
    'for v in plain bound memory layered nameless; do echo "in $v" > /$v/note; done',
  )
  return {
    ...stack,
    app,
    outside: outside.path,
    read: (path: string) => docker('exec', app, 'cat', path),
    async [Symbol.asyncDispose]() {
      await stack[Symbol.asyncDispose]()
      await outside[Symbol.asyncDispose]()
    },
  }
}

type Keeper = Awaited<ReturnType<typeof startKeeper>>

/** Our containers that mount something of a stack: the one of the archive process, and the one that holds its volumes. */
async function helpersOf(stack: Keeper): Promise<{ Id: string; Mounts: { Source: string }[] }[]> {
  const ids = await docker(
    'ps',
    '-aq',
    '--filter',
    'label=docker-archiver.helper',
    '--filter',
    `volume=${stack.name}_memory`,
  )
  if (ids === '') return []
  return JSON.parse(await docker('inspect', ...ids.split('\n'))) as { Id: string; Mounts: { Source: string }[] }[]
}

/** The one of the archive process, as soon as it is there. */
async function helperOf(stack: Keeper): Promise<string> {
  return until('the helper container to be there', async () => {
    const found = await helpersOf(stack)
    return found.find(({ Mounts }) => Mounts.some(({ Source }) => Source === stack.folder))?.Id
  })
}

/** Names and contents of the small files in a backup. */
async function notesIn(file: string): Promise<Record<string, string>> {
  const names = (await run('tar', ['--zstd', '-tf', file])).split('\n').filter((name) => /note$|below$/.test(name))
  const contents = await Promise.all(names.map((name) => run('tar', ['--zstd', '-xOf', file, name])))
  return Object.fromEntries(names.map((name, index) => [name, (contents[index] ?? '').trim()]))
}

test('volumes that vanish with their last container are archived with their contents, and keep them', async () => {
  await using stack = await startKeeper()
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const id = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
  const { job, stack: made, log } = await house.ended(await house.run(id))
  expect(job.status, log).toBe('success')
  expect(log).toContain(`Stopped ${stack.app}`)
  expect(await notesIn(made.archive_path ?? '')).toEqual({
    [`_volumes/${stack.name}_plain/note`]: 'in plain',
    [`_volumes/${stack.name}_bound/note`]: 'in bound',
    [`_volumes/${stack.name}_memory/note`]: 'in memory',
    [`_volumes/${stack.name}_layered/note`]: 'in layered',
    [`_volumes/${stack.name}_layered/below`]: 'below',
    '_volumes/_anonymous_app-1_nameless/note': 'in nameless',
  })
  expect(await stack.read('/memory/note')).toBe('in memory')
  expect(await stack.read('/bound/note')).toBe('in bound')
})

test('the helper hangs: at max_downtime the stack is started, and its volumes hold what they held', async () => {
  await using stack = await startKeeper()
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const found = await house.findStack(stack.folder)
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [found], { max_downtime: 10 }))
  await events.until('kill', 'app')
  await docker('kill', '--signal', 'STOP', await helperOf(stack))
  const ended = await house.ended(job, 60_000)
  expect(ended.job.status).toBe('failed')
  expect(ended.stack.reason).toContain('the stack had been down for 10 s')
  expect(await stack.read('/memory/note')).toBe('in memory')
  await until('the helpers to be gone', async () => (await helpersOf(stack)).length === 0)
})

test('the agent is killed while the stack is stopped: the next one brings it back and leaves no helper', async () => {
  await using stack = await startKeeper()
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  await events.until('kill', 'app')
  await docker('kill', '--signal', 'STOP', await helperOf(stack))
  await events.until('die', 'app')
  await agent.kill()
  await house.startAgent()
  const ended = await house.ended(job)
  expect(ended.stack.reason).toContain('what it had stopped runs again (1 container)')
  expect(await stack.read('/memory/note')).toBe('in memory')
  await until('the helpers to be gone', async () => (await helpersOf(stack)).length === 0)
})

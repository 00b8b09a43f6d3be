// What a backup holds beside the stack's directory: volumes that vanish with their last container, and folders elsewhere.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { buildArchiverImages } from '../testbed/archiver-images.ts'
import { docker, dockerEnv } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { run } from '../testbed/run.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { compose, composeDown, composeUp, makeStack } from '../testbed/stack.ts'
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

/** An agent as docker-compose.yml runs it, but without the mount of Docker's volumes. */
async function startAgentContainer(house: House, stacksDir: string): Promise<AsyncDisposable> {
  const { AGENT_IMAGE = '' } = await buildArchiverImages()
  const socket = /^unix:\/\/(.+)/.exec(process.env['DOCKER_HOST'] ?? '')?.[1] ?? '/var/run/docker.sock'
  const mounts = [`${socket}:/var/run/docker.sock`, `${house.archivesDir}:/archives`, `${stacksDir}:${stacksDir}`]
  const flags = ['--network', 'host', '--env', `DATABASE_URL=${house.host.url}`, '--env', 'TRASH_MIN_DAYS=0']
  const id = await docker('run', '-d', ...flags, ...mounts.flatMap((mount) => ['-v', mount]), AGENT_IMAGE)
  return { [Symbol.asyncDispose]: async () => void (await docker('rm', '-fv', id)) }
}

const allNotes = (stack: Keeper) => ({
  [`_volumes/${stack.name}_plain/note`]: 'in plain',
  [`_volumes/${stack.name}_bound/note`]: 'in bound',
  [`_volumes/${stack.name}_memory/note`]: 'in memory',
  [`_volumes/${stack.name}_layered/note`]: 'in layered',
  [`_volumes/${stack.name}_layered/below`]: 'below',
  '_volumes/_anonymous_app-1_nameless/note': 'in nameless',
})

const includedYaml = `
services:
  other: { image: archiver-test/busybox, command: ["true"], network_mode: none }
`

/** The folder for data lies in one that is mounted whole: nobody archives the archives. */
const elsewhereYaml = (folder: string) => `
include: ["${folder}/base.yaml"]
services:
  app:
    image: archiver-test/busybox
    network_mode: none
    command: ["sleep", "1000000"]
    stop_grace_period: 0s
    env_file: "${folder}/app.env"
    secrets: [key]
    volumes:
      - "${folder}/media:/media"
      - "${folder}/media/film:/film"
      - "${folder}/one note:/note"
      - "/proc:/host/proc"
secrets: { key: { file: "${folder}/key.pem" } }
`

/** Files outside the directory of the stack, and without what we add. */
async function filesIn(file: string | null): Promise<string[]> {
  const names = await run('tar', ['--zstd', '-tf', file ?? ''])
  return names
    .split('\n')
    .filter((name) => /^_(binds|files)\/.*[^/]$/.test(name))
    .sort()
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
  expect(await notesIn(made.archive_path ?? '')).toEqual(allNotes(stack))
  expect(await stack.read('/memory/note')).toBe('in memory')
  expect(await stack.read('/bound/note')).toBe('in bound')

  await comesBackByItsScript(stack, made.archive_path ?? '')

  await compose(stack.folder, 'stop')
  await rm(join(stack.outside, 'bound'), { recursive: true })
  const broken = await house.ended(await house.run(id))
  expect(broken.job.status, broken.log).toBe('warning')
  expect(broken.stack.reason).toContain(`volume ${stack.name}_bound is not in the backup: no helper container`)
  const notes = Object.keys(await notesIn(broken.stack.archive_path ?? '')).sort()
  const kept = [
    '_volumes/_anonymous_app-1_nameless/note',
    ...['layered/below', 'layered/note', 'plain/note'].map((name) => `_volumes/${stack.name}_${name}`),
  ]
  expect(notes, 'what Docker can mount').toEqual(kept)
})

test('what lies elsewhere: files that the compose file names always, folders when the archive asks', async () => {
  await using elsewhere = await temporaryFolder()
  const at = (path: string) => join(elsewhere.path, path)
  const files = {
    'app.env': 'A=1',
    'key.pem': 'key',
    'base.yaml': includedYaml,
    'media/film/note': 'film',
    'one note': 'one',
  }
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(at(path)), { recursive: true })
    await writeFile(at(path), content, { mode: 0o640 })
  }
  await using stack = await makeStack({ name: uniqueName('elsewhere'), composeYaml: elsewhereYaml(elsewhere.path) })
  await composeUp(stack.folder)
  await using house = await makeHouse({ stacksDirs: [stack.parent], dataDir: at('data') })
  await house.startAgent()
  const found = await house.findStack(stack.folder)

  const without = await house.ended(await house.run(await house.makeArchive('plain', [found])))
  expect(without.job.status, without.log).toBe('success')
  expect(without.log).toContain(`Not covered: ${at('media')} (/media in app): outside the directory of the stack`)
  const named = ['app.env', 'base.yaml', 'key.pem'].map((name) => `_files${at(name)}`)
  expect(await filesIn(without.stack.archive_path)).toEqual(named)

  const id = await house.makeArchive('all', [found], { include_bind_mounts: true })
  const { job, stack: made, log } = await house.ended(await house.run(id))
  expect(job.status, log).toBe('success')
  expect(log).toContain('Not covered: /proc (/host/proc in app): a folder of the running system')
  const bound = ['media/film/note', 'one note'].map((name) => `_binds${at(name)}`)
  expect(await filesIn(made.archive_path)).toEqual([...bound, ...named])
  const list = await run('tar', ['--zstd', '-tvf', made.archive_path ?? '', `_files${at('key.pem')}`])
  expect(list).toMatch(/^-rw-r-----/)

  await rm(at('one note'))
  const refused = await house.ended(await house.run(id))
  expect(refused.stack.reason).toContain('is not there any more: Docker could not start it again. Nothing was stopped')
  await compose(stack.folder, 'stop')
  const later = await house.ended(await house.run(id))
  expect(later.job.status, later.log).toBe('success')
  expect(later.log).toContain(`Not covered: ${at('one note')}: it is not there`)
  expect(await filesIn(later.stack.archive_path)).toEqual([`_binds${at('media/film/note')}`, ...named])
})

/** From nothing but the backup, and with nothing of ours. */
async function comesBackByItsScript(stack: Keeper, backup: string): Promise<void> {
  const script = join(stack.parent, 'restore.sh')
  await writeFile(script, await run('tar', ['--zstd', '-xOf', backup, '_archive/restore.sh']))
  const restore = (...args: string[]) => run('sh', [script, backup, ...args], { env: dockerEnv() })
  await expect(restore()).rejects.toThrow(`the volume ${stack.name}_plain is there`)

  await composeDown(stack.folder)
  await rm(stack.folder, { recursive: true })
  await rm(join(stack.outside, 'bound', 'note'))
  expect(await restore('--dry-run')).toContain(`docker volume create --driver local --opt`)
  expect(await docker('volume', 'ls', '--quiet', '--filter', `name=${stack.name}_`)).toBe('')
  const said = await restore()
  await composeUp(stack.folder)
  const [, ...copies] = said.split('sh restore.sh ').map((line) => line.split("'").filter((_, at) => at % 2 === 1))
  expect(copies).toHaveLength(2)
  for (const [name = '', target = ''] of copies) await restore('--copy', name, target)
  for (const name of ['plain', 'bound', 'layered', 'memory', 'nameless'])
    expect(await stack.read(`/${name}/note`)).toBe(`in ${name}`)
  await expect(restore()).rejects.toThrow('Nothing was touched')
}

test('an agent in a container reads volumes that it has no mount of', { timeout: 900_000 }, async () => {
  await using stack = await startKeeper()
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await using _agent = await startAgentContainer(house, stack.parent)
  const id = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
  const { job, stack: made, log } = await house.ended(await house.run(id))
  expect(job.status, log).toBe('success')
  const file = join(house.archivesDir, relative('/archives', made.archive_path ?? ''))
  expect(await notesIn(file)).toEqual(allNotes(stack))
  expect(await stack.read('/memory/note')).toBe('in memory')
  expect(await helpersOf(stack)).toEqual([])
})

test('the helper hangs until max_downtime, or is killed: the stack is started, and its volumes hold what they held', async () => {
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

  const again = await house.run(ended.job.archive_id ?? 0)
  const helper = await helperOf(stack)
  await until('the stack to be stopped again', () => events.short('kill').length > 1)
  await docker('kill', helper)
  const killed = await house.ended(again)
  expect(killed.stack.reason).toContain('the archive process ended unexpectedly')
  expect(await stack.read('/memory/note')).toBe('in memory')
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

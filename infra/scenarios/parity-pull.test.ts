// Images are pulled when that is asked for, and never otherwise; whatever comes of it, what ran runs.
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { containersOf, docker, type InspectedContainer } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import type { TestProcess } from '../testbed/processes.ts'
import { startDeafRegistry, startRegistry, type Registry } from '../testbed/registry.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { compose, composeUp, makeStack, type TestStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

const undo = new AsyncDisposableStack()
let parent: string
let house: House
let agent: TestProcess
let registry: Registry

beforeAll(async () => {
  if (inject('missing').length > 0) return
  parent = undo.use(await temporaryFolder()).path
  registry = undo.use(await startRegistry())
  house = undo.use(await makeHouse({ stacksDirs: [parent] }))
  agent = await house.startAgent()
})
afterAll(() => undo.disposeAsync())

const runs = 'echo started; trap "exit 0" TERM; while :; do sleep 0.2; done'

/** Two services of one image, and one its owner has stopped. */
function yaml(image: string): string {
  const service = `image: ${image}\n    stop_grace_period: 1s`
  return `
services:
  web:
    ${service}
    depends_on: [db]
  db:
    ${service}
  idle:
    ${service}
`
}

async function startStack(composeYaml: string): Promise<TestStack> {
  const stack = await makeStack({ name: uniqueName('pulled'), composeYaml, parent })
  await composeUp(stack.folder, '--pull', 'never', 'web')
  if (composeYaml.includes('idle:')) await compose(stack.folder, 'create', '--pull', 'never', 'idle')
  return stack
}

async function archive(stack: TestStack, security: Record<string, unknown>) {
  const answer = await house.api.patch('/api/settings/security', security)
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return house.run(await house.makeArchive(stack.name, [await house.findStack(stack.folder)]))
}

const ids = (containers: Record<string, InspectedContainer>) =>
  Object.fromEntries(Object.entries(containers).map(([service, { Id }]) => [service, Id]))
const running = (containers: Record<string, InspectedContainer>) =>
  Object.fromEntries(Object.entries(containers).map(([service, { State }]) => [service, State.Running]))
const asBefore = { web: true, db: true, idle: false }

test('Pull policy: on, images are pulled with the output in the log, and what ran is made anew from them', async () => {
  const image = `${registry.host}/new`
  await registry.publish('new', runs)
  await using stack = await startStack(yaml(image))
  const before = await containersOf(stack.name)
  await docker('tag', image, `${image}:keep`)
  await registry.publish('new', `: newer; ${runs}`)
  const newer = await docker('inspect', '--format', '{{.Id}}', image)
  await docker('tag', `${image}:keep`, image)

  const job = await archive(stack, { always_pull: true, pull_inactivity_timeout: 30 })
  const { stack: row, log } = await house.ended(job)
  expect(row.status, log).toBe('success')
  const after = await containersOf(stack.name)
  expect(running(after)).toEqual(asBefore)
  for (const service of ['web', 'db'])
    expect(await docker('inspect', '--format', '{{.Image}}', after[service]?.Id ?? '')).toBe(newer)
  expect(after['idle']?.Id, 'what its owner had stopped is left alone').toBe(before['idle']?.Id)
  expect(log).toMatch(/pull: .*Pulled/)
  expect(log).toMatch(/up: .*Started/)
  expect(log.indexOf('The stack is up again'), 'the stack is up before anything is pulled').toBeLessThan(
    log.indexOf('Pulling the images of db, web'),
  )
  expect(row.pull).toMatchObject({ status: 'pulled', reason: '' })
  expect(row.pull?.lines.join('\n')).toMatch(/Pulled/)
  expect(row.pull?.lines.join('\n')).not.toMatch(/Downloading|Extracting|Waiting/)
})

test('Not again: a successful pull reported as skipped', async () => {
  await registry.publish('same', runs)
  await using stack = await startStack(yaml(`${registry.host}/same`))
  const before = ids(await containersOf(stack.name))
  const { stack: row, log } = await house.ended(await archive(stack, { always_pull: true }))
  expect([row.status, row.pull?.status], log).toEqual(['success', 'pulled'])
  expect(row.reason).toBe('')
  expect(log).toContain('All images are up to date; no container is made anew')
  expect(ids(await containersOf(stack.name))).toEqual(before)
})

test('Pull policy: a failed pull leaves the containers running, as a warning', async () => {
  const deaf = await startDeafRegistry()
  await deaf[Symbol.asyncDispose]()
  const image = `${deaf.host}/unreachable`
  await docker('tag', 'archiver-test/busybox', image)
  await using stack = await startStack(
    yaml(image).replaceAll('stop_grace', `command: ["sh", "-c", ${JSON.stringify(runs)}]\n    stop_grace`),
  )
  const before = ids(await containersOf(stack.name))
  const { job, stack: row, log } = await house.ended(await archive(stack, { always_pull: true }))
  expect([job.status, row.status, row.pull?.status], log).toEqual(['warning', 'warning', 'failed'])
  expect(row.reason).toMatch(/images: pulling failed: .*connection refused/)
  expect(row.backup_id).not.toBeNull()
  const after = await containersOf(stack.name)
  expect([ids(after), running(after)]).toEqual([before, asBefore])
})

test('Pull policy: without output for the inactivity timeout the pull is given up, and what it said is kept', async () => {
  await using deaf = await startDeafRegistry()
  const image = `${deaf.host}/hanging`
  await docker('tag', 'archiver-test/busybox', image)
  const command = `command: ["sh", "-c", ${JSON.stringify(runs)}]\n    stop_grace`
  await using stack = await startStack(yaml(image).replaceAll('stop_grace', command))
  const job = await archive(stack, { always_pull: true, pull_inactivity_timeout: 3 })
  const { stack: row, log } = await house.ended(job)
  expect([row.status, row.pull?.status], log).toEqual(['warning', 'timed_out'])
  expect(row.reason).toContain('images: pulling was given up after 3 s without output')
  expect(running(await containersOf(stack.name))).toEqual(asBefore)
  expect(deaf.connections()).toBeGreaterThan(0)

  // 0: never; a cancel ends it
  const settings = await house.api.patch('/api/settings/security', { pull_inactivity_timeout: 0 })
  expect(settings.status).toBe(200)
  const again = await house.run((await house.job(job)).job.archive_id ?? 0)
  await until('the pull to begin', async () =>
    (await house.api.get<string>(`/api/jobs/${again}/log`)).body.includes('Pulling the images'),
  )
  expect((await house.api.post(`/api/jobs/${again}/cancel`)).status).toBe(202)
  const cancelled = await house.ended(again)
  expect(cancelled.stack.status, cancelled.log).toBe('cancelled')
  expect(cancelled.stack.backup_id, 'the backup had been made').not.toBeNull()
  expect(running(await containersOf(stack.name))).toEqual(asBefore)
})

test('Pull policy: new images that do not stay up are given up for the ones before', async () => {
  const image = `${registry.host}/broken`
  await registry.publish('broken', runs)
  const good = await docker('inspect', '--format', '{{.Id}}', image)
  await using stack = await startStack(yaml(image))
  await docker('tag', image, `${image}:keep`)
  await registry.publish('broken', 'exit 3')
  await docker('tag', `${image}:keep`, image)
  const { stack: row, log } = await house.ended(await archive(stack, { always_pull: true }))
  expect([row.status, row.pull?.status], log).toEqual(['warning', 'pulled'])
  expect(row.reason).toMatch(/new images were pulled, but .*; the containers run on the images before/)
  const after = await containersOf(stack.name)
  expect(running(after), log).toEqual(asBefore)
  expect(await docker('inspect', '--format', '{{.Image}}', after['web']?.Id ?? '')).toBe(good)
})

test('Pull policy: killed while containers are made anew, the next agent has all of them running', async () => {
  const image = `${registry.host}/killed`
  const slow = 'trap "" TERM; while :; do sleep 0.2; done'
  await registry.publish('killed', slow)
  const composeYaml = `services:\n  web:\n    image: ${image}\n    stop_grace_period: 4s\n`
  await using stack = await startStack(composeYaml)
  await docker('tag', image, `${image}:keep`)
  await registry.publish('killed', `: newer; ${slow}`)
  await docker('tag', `${image}:keep`, image)
  const job = await archive(stack, { always_pull: true })
  await until('containers to be made anew', async () =>
    (await house.api.get<string>(`/api/jobs/${job}/log`)).body.includes('Making containers anew'),
  )
  await using events = await watchDockerEvents(stack.name)
  await events.until('kill', 'web')
  await agent.kill()
  agent = await house.startAgent()
  const { stack: row, log } = await house.ended(job)
  expect(row.backup_id, log).not.toBeNull()
  expect(row.reason).toContain('the agent ended while it used new images')
  const up = async () => (await docker('ps', '-q', '--filter', `label=com.docker.compose.project=${stack.name}`)) !== ''
  await until('the stack to be up', up)
})

test('Pull policy: off, nothing is ever pulled; what would need a missing image is skipped and explained', async () => {
  await using deaf = await startDeafRegistry()
  const image = `${deaf.host}/missing`
  await docker('tag', 'archiver-test/busybox', image)
  // what the container runs on stays here under no name
  const composeYaml = `
services:
  web:
    image: ${image}
    command: ["sh", "-c", ${JSON.stringify(runs)}]
    stop_grace_period: 1s
  db:
    image: archiver-test/busybox
    command: ["sh", "-c", "trap '' TERM; while :; do sleep 0.2; done"]
    stop_grace_period: 5s
    depends_on: [web]
`
  await using stack = await makeStack({ name: uniqueName('pulled'), composeYaml, parent })
  await composeUp(stack.folder, '--pull', 'never')
  await using events = await watchDockerEvents(stack.name)
  const job = await archive(stack, { always_pull: false })
  await events.until('kill', 'db')
  const { web } = await containersOf(stack.name)
  await docker('rm', '-f', web?.Id ?? '')
  await docker('rmi', image)
  const { stack: row, log } = await house.ended(job)
  expect(row.status, log).toBe('warning')
  const explained = `a new one would need its image ${image}, which is not on this host, and images are not pulled for that`
  expect(row.reason).toContain(explained)
  expect(log).toContain(explained)
  expect(row.pull).toBeNull()
  expect(running(await containersOf(stack.name))).toEqual({ db: true })
  expect(deaf.connections(), 'nobody asked the registry for anything').toBe(0)
})

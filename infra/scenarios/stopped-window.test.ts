// What may happen between stop and start, and that everything is up afterwards.
import { expect, test } from 'vitest'
import { holdInWindow, isAlive } from '../testbed/agent-processes.ts'
import { containersOf, docker } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { makeHouse } from '../testbed/house.ts'
import { slowToStop, startShop, uniqueName } from '../testbed/sample-stack.ts'
import { compose, composeUp, makeStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

/** A container that does not hear SIGTERM, so that stopping it takes its whole grace period. */
const deafYaml = `
services:
  slow:
    image: archiver-test/busybox
    command: ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
    restart: unless-stopped
    stop_grace_period: 5s
`

test('the archive process hangs: at max_downtime the stack is started and the job fails', async () => {
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  const id = await house.makeArchive('nightly', [await house.findStack(stack.folder)], { max_downtime: 10 })
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(id)
  const engine = await holdInWindow(agent.pid, events)
  const ended = await house.ended(job)
  expect(ended.job.status).toBe('failed')
  expect(ended.stack.reason).toBe(
    'the stack had been down for 10 s, the longest its archive allows; it was started again',
  )
  const { web, db, idle } = await containersOf(stack.name)
  expect([web?.State.Running, db?.State.Running, idle?.State.Running]).toEqual([true, true, false])
  await until('the hanging process to be gone', () => !isAlive(engine))
})

test('a cancel in the stopped window brings the stack back at once', async () => {
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  await holdInWindow(agent.pid, events)
  await events.until('die', 'db')
  expect((await house.api.post(`/api/jobs/${job}/cancel`)).status).toBe(202)
  const ended = await house.ended(job)
  expect(ended.job.status).toBe('cancelled')
  expect(ended.stack.reason).toBe('the job was cancelled')
  const { web, db } = await containersOf(stack.name)
  expect([web?.State.Running, db?.State.Running]).toEqual([true, true])
})

test('a cancel while a container still uses its grace period: it is down for a moment, and up in the end', async () => {
  await using stack = await makeStack({ name: uniqueName('slow'), composeYaml: deafYaml })
  await composeUp(stack.folder)
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  await events.until('kill', 'slow')
  expect((await house.api.post(`/api/jobs/${job}/cancel`)).status).toBe(202)
  const ended = await house.ended(job)
  expect(ended.job.status, ended.log).toBe('cancelled')
  expect(events.short('die', 'start')).toEqual(['die slow', 'start slow'])
  expect((await containersOf(stack.name))['slow']?.State.Running).toBe(true)
})

test('killed while a container still uses its grace period: the next agent waits for its end and starts it', async () => {
  await using stack = await makeStack({ name: uniqueName('slow'), composeYaml: deafYaml })
  await composeUp(stack.folder)
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  await events.until('kill', 'slow')
  await agent.kill()
  await house.startAgent()
  const ended = await house.ended(job)
  expect(ended.job.status).toBe('failed')
  expect(events.short('die', 'start')).toEqual(['die slow', 'start slow'])
  expect((await containersOf(stack.name))['slow']?.State.Running).toBe(true)
})

test('the agent is asked to stop in the stopped window: it starts the stack, reports, and ends', async () => {
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  await holdInWindow(agent.pid, events)
  await events.until('die', 'db')
  expect(await agent.stop()).toBe(0)
  const { web, db } = await containersOf(stack.name)
  expect([web?.State.Running, db?.State.Running]).toEqual([true, true])
  const ended = await house.ended(job)
  expect(ended.job.status).toBe('failed')
  expect(ended.stack.reason).toBe('the agent was asked to stop')
})

test('a --rm container survives, and containers that share a network work afterwards', async () => {
  const sidecar = uniqueName('sidecar')
  await using stack = await makeStack({
    name: uniqueName('web'),
    composeYaml: `
services:
  web:
    image: archiver-test/busybox
    command: ["httpd", "-f", "-p", "80", "-h", "/site"]
    stop_grace_period: 1s
    volumes: ["./site:/site"]
  probe:
    image: archiver-test/busybox
    command: ["sleep", "1000000"]
    stop_grace_period: 1s
    network_mode: "service:web"
`,
    files: { 'site/index.html': 'it works\n' },
  })
  await composeUp(stack.folder)
  const web = (await containersOf(stack.name))['web']
  await docker(
    'run',
    '-d',
    '--stop-timeout',
    '1',
    '--name',
    sidecar,
    '--network',
    `container:${web?.Id}`,
    'archiver-test/busybox',
    'sleep',
    '1000000',
  )
  await using _sidecar = { [Symbol.asyncDispose]: async () => void (await docker('rm', '-f', sidecar)) }
  const oneOff = (
    await compose(stack.folder, 'run', '--rm', '-d', '--no-deps', '--entrypoint', 'sleep', 'web', '1000000')
  ).trim()
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const id = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
  const { job, log } = await house.ended(await house.run(id))
  expect(job.status, log).toBe('success')

  expect(await docker('inspect', '--format', '{{.State.Status}}', oneOff)).toBe('running')
  expect(log).toMatch(/will be paused, not stopped/)
  for (const container of [sidecar, `${stack.name}-probe-1`])
    expect(await docker('exec', container, 'wget', '-qO-', 'http://127.0.0.1/'), container).toBe('it works')
  expect(log, 'a container of nobody’s stack is named').toContain(`Stopped ${sidecar}`)
})

test('somebody starts a container while it is archived: it is archived once more', async () => {
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  const engine = await holdInWindow(agent.pid, events)
  await events.until('die', 'db')
  await until('the packing to begin', async () => (await house.job(job)).metrics[0]?.progress?.phase === 'pack')
  await docker('start', `${stack.name}-db-1`)
  process.kill(engine, 'SIGCONT')
  const ended = await house.ended(job)
  expect(ended.log).toContain(`Started by somebody while it was archived: ${stack.name}-db-1`)
  expect(ended.job.status, ended.log).toBe('success')
  const { web, db } = await containersOf(stack.name)
  expect([web?.State.Running, db?.State.Running]).toEqual([true, true])
})

test('paused stacks run on, live ones are left alone', async () => {
  await using stack = await startShop()
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const found = await house.findStack(stack.folder)
  await using events = await watchDockerEvents(stack.name)
  const paused = await house.ended(await house.run(await house.makeArchive('pausing', [found], { mode: 'pause' })))
  expect(paused.job.status, paused.log).toBe('success')
  await events.until('unpause', 'web')
  expect(events.short('pause', 'unpause', 'die')).toEqual(['pause web', 'pause db', 'unpause db', 'unpause web'])
  const live = await house.ended(await house.run(await house.makeArchive('living', [found], { mode: 'live' })))
  expect(['success', 'warning'], live.log).toContain(live.job.status)
  expect(live.stack.downtime_seconds).toBeNull()
  expect(events.short('pause', 'die')).toEqual(['pause web', 'pause db'])
})

// Two servers and two agents of one host on one database.
import { expect, test } from 'vitest'
import { holdInWindow } from '../testbed/agent-processes.ts'
import { api } from '../testbed/api.ts'
import { makeDatabaseServer } from '../testbed/database-server.ts'
import { containersOf } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { makeHouse } from '../testbed/house.ts'
import { startServer } from '../testbed/processes.ts'
import { slowToStop, startShop } from '../testbed/sample-stack.ts'
import { until } from '../testbed/until.ts'

test('a newer agent of the host replaces the older one, in the middle of a task, and no task runs twice', async () => {
  await using first = await startShop({ composeYaml: slowToStop })
  await using second = await startShop({ composeYaml: slowToStop })
  const stacks = [first, second]
  await using house = await makeHouse({ stacksDirs: stacks.map(({ parent }) => parent) })
  await using otherServer = await startServer({
    databaseUrl: house.database.url,
    secretKey: house.server.secretKey,
    admin: false,
  })
  const older = await house.startAgent()
  const found = await Promise.all(stacks.map(({ folder }) => house.findStack(folder)))
  await using events = await watchDockerEvents(first.name)
  const held = await house.run(await house.makeArchive('held', [found[0]!]))
  await holdInWindow(older.pid, events)
  await events.until('die', 'db')

  await house.startAgent()
  expect(await older.ended, 'the older one ends by itself').toBe(1)
  expect(older.logs()).toMatch(/A newer agent of host .* has started \(epoch 2, this one has 1\)/)
  const lost = await house.ended(held)
  expect(lost.job.status).toBe('failed')
  expect(lost.stack.reason).toContain('the agent ended during this step')
  const { web, db } = await containersOf(first.name)
  expect([web?.State.Running, db?.State.Running]).toEqual([true, true])

  await using watches = await watchDockerEvents()
  const all = await house.makeArchive('all', found)
  const answer = await api(otherServer.url, house.server.token).post<{ job_id: number }>(`/api/archives/${all}/run`)
  const { job, log } = await house.ended(answer.body.job_id)
  expect(job.status, log).toBe('success')
  for (const { name } of stacks)
    expect(
      watches.events
        .filter(({ action, project }) => project === name && action === 'die')
        .map(({ service }) => service)
        .sort(),
      name,
    ).toEqual(['db', 'web'])
  const claims = await house.database
    .sql`select count(*) as tasks, count(distinct job_stack_id) as stacks from archiver.tasks where state = 'finished'`
  expect(claims[0]).toEqual({ tasks: 3, stacks: 3 })
})

test('a lease that ran out while the database was away is taken up again by its own agent, and the task ends well', async () => {
  await using server = await makeDatabaseServer()
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent], serverUrl: server.url })
  const agent = await house.startAgent()
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  const engine = await holdInWindow(agent.pid, events)
  await events.until('die', 'db')
  const [task] = await house.database.sql<[{ lease_until: Date }]>`select lease_until from archiver.tasks`

  await server.stop()
  await until('the lease to run out', () => Date.now() > task.lease_until.getTime() + 1000)
  await server.start()
  await until('the lease to be renewed', async () => {
    const [now] = await house.database.sql<
      [{ lease_until: Date; epoch: number; state: string }]
    >`select lease_until, epoch, state from archiver.tasks`
    expect(now).toMatchObject({ epoch: 1, state: 'running' })
    return now.lease_until > new Date()
  })
  process.kill(engine, 'SIGCONT')
  const ended = await house.ended(job)
  expect(ended.job.status, ended.log).toBe('success')
  expect(events.short('die')).toEqual(['die web', 'die db'])
})

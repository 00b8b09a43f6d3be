// What is left of a stack, its files and its job when the agent is killed in the worst moment.
import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { holdInWindow, isAlive } from '../testbed/agent-processes.ts'
import { makeDatabaseServer } from '../testbed/database-server.ts'
import { containersOf } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import type { TestProcess } from '../testbed/processes.ts'
import { slowToStop, startShop } from '../testbed/sample-stack.ts'
import type { TestStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

/** Runs an archive of the stack until all its containers are stopped, and holds it there by a hanging archive process. */
async function archiveUntilStopped(house: House, agent: TestProcess, stack: TestStack) {
  await using events = await watchDockerEvents(stack.name)
  const job = await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)]))
  const engine = await holdInWindow(agent.pid, events)
  await events.until('die', 'db')
  return { job, engine }
}

async function isUpAsBefore(stack: TestStack): Promise<boolean> {
  const { web, db, idle } = await containersOf(stack.name)
  expect(idle?.State.Running, 'what its owner had stopped stays stopped').toBe(false)
  return web?.State.Running === true && db?.State.Running === true
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}

test('killed while the stack is stopped: the next agent starts the stack, removes the unfinished file and closes the job', async () => {
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  const agent = await house.startAgent()
  const { job, engine } = await archiveUntilStopped(house, agent, stack)
  const unfinished = await filesBelow(house.archivesDir)
  expect(unfinished).not.toEqual([])
  for (const name of unfinished) expect(name).toMatch(/^\..*\.partial(\.index)?$/)

  await agent.kill()
  process.kill(engine, 'SIGCONT')
  await until('the archive process to end with its agent', () => !isAlive(engine))

  await house.startAgent()
  await until('the stack to be up again', () => isUpAsBefore(stack))
  const { job: closed, stack: row, log } = await house.ended(job)
  expect(closed.status).toBe('failed')
  expect(row.reason).toBe(
    'the agent ended during this step and was started again; what it had stopped runs again (2 containers); no backup was made',
  )
  expect(row.was_running).toBe(true)
  expect(log).toContain('Removed the unfinished file')
  expect(await filesBelow(house.archivesDir)).toEqual([])

  const again = await house.ended(await house.run(closed.archive_id ?? 0))
  expect(again.job.status, again.log).toBe('success')
})

test('killed while the database is down, too: the stack is up before the database is, and the job is closed when it returns', async () => {
  await using server = await makeDatabaseServer()
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent], serverUrl: server.url })
  const agent = await house.startAgent()
  const { job, engine } = await archiveUntilStopped(house, agent, stack)

  await server.stop()
  await agent.kill()
  process.kill(engine, 'SIGCONT')
  await house.startAgent()
  await until('the stack to be up while the database is down', () => isUpAsBefore(stack))
  await until('nothing unfinished to be left', async () => (await filesBelow(house.archivesDir)).length === 0)

  await server.start()
  const { job: closed, stack: row } = await house.ended(job)
  expect(closed.status).toBe('failed')
  expect(row.reason).toContain('the agent ended during this step')
})

test('a backup that was finished while the database was down is reported by the agent that comes after', async () => {
  await using server = await makeDatabaseServer()
  await using stack = await startShop({ composeYaml: slowToStop })
  await using house = await makeHouse({ stacksDirs: [stack.parent], serverUrl: server.url })
  const agent = await house.startAgent()
  const { job, engine } = await archiveUntilStopped(house, agent, stack)

  await server.stop()
  process.kill(engine, 'SIGCONT')
  await until('the backup to be made', async () =>
    (await filesBelow(house.archivesDir)).some((name) => !name.startsWith('.')),
  )
  await until('the stack to be up', () => isUpAsBefore(stack))
  await agent.kill()
  await house.startAgent()
  await server.start()
  const { job: closed, stack: row, log } = await house.ended(job)
  expect(closed.status, log).toBe('success')
  expect(row.backup_id).not.toBeNull()
})

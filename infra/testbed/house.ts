// One whole house for a scenario: a database, a server, a host with its agent, and the questions tests ask of it.
import { join } from 'node:path'
import { inject } from 'vitest'
import type { Job, JobStack } from 'db/queries/jobs'
import type { Stack } from 'db/queries/stacks'
import { makeTestDatabase, type TestDatabase } from '../../db/testing/database.ts'
import { api, type Api } from './api.ts'
import { openDoor } from './engine-door.ts'
import { temporaryFolder } from './folders.ts'
import { startAgent, startServer, type AgentOptions, type TestProcess, type TestServer } from './processes.ts'
import { until } from './until.ts'

export interface House extends AsyncDisposable {
  database: TestDatabase
  server: TestServer
  api: Api
  host: { id: number; name: string; url: string }
  dataDir: string
  archivesDir: string
  /** Starts another process of the same host's agent. */
  startAgent(options?: Partial<AgentOptions>): Promise<TestProcess>
  /** Waits until the agent has reported the stack in this directory. */
  findStack(folder: string): Promise<Stack>
  /** An archive of these stacks; resolves with its id. */
  makeArchive(name: string, stacks: Stack[], settings?: Record<string, unknown>): Promise<number>
  /** Starts a job; resolves with its id. */
  run(archiveId: number): Promise<number>
  job(id: number): Promise<{ job: Job; metrics: JobStack[] }>
  /** Waits until the job has ended. */
  ended(id: number, timeout?: number): Promise<{ job: Job; stack: JobStack; log: string }>
}

export interface HouseOptions {
  stacksDirs: string[]
  archivesDir?: string
  /** Of the agent; default: a temporary folder. */
  dataDir?: string
  /** false: the agent sees none, for tests that count or name what is found; others run theirs on the same engine. */
  containers?: false
  /** A PostgreSQL of the test's own, with the template in it; default: the one of the test run. */
  serverUrl?: string
  /** false: nobody is set up yet, and `api` is signed in as nobody. */
  admin?: boolean
}

export async function makeHouse(options: HouseOptions): Promise<House> {
  await using undo = new AsyncDisposableStack()
  const database = await makeTestDatabase(options.serverUrl ?? inject('serverUrl'))
  undo.defer(() => database.drop())
  const folder = undo.use(await temporaryFolder())
  const host = await database.addHost()
  const server = undo.use(await startServer({ databaseUrl: database.url, admin: options.admin ?? true }))
  const client = api(server.url, server.token)
  const dataDir = options.dataDir ?? folder.path
  const archivesDir = options.archivesDir ?? `${dataDir}/archives`
  const door = join(folder.path, 'engine.sock')
  if (options.containers === false) undo.use(await openDoor(door, '', 'of-no-container'))
  const later = undo.use(new AsyncDisposableStack())
  const kept = undo.move()

  const agents: TestProcess[] = []
  /** A test that waits in vain says what the processes wrote. */
  async function told<T>(work: Promise<T>): Promise<T> {
    return work.catch((cause: unknown) => {
      throw new Error(
        `The server wrote:\n${server.logs()}\nThe agents wrote:\n${agents.map((agent) => agent.logs()).join('\n')}`,
        { cause },
      )
    })
  }

  const job = async (id: number) => (await client.get<{ job: Job; metrics: JobStack[] }>(`/api/jobs/${id}`)).body
  return {
    database,
    server,
    api: client,
    host,
    dataDir,
    archivesDir,
    job,
    async startAgent(more = {}) {
      const agent = later.use(
        await startAgent({
          databaseUrl: host.url,
          stacksDirs: options.stacksDirs,
          dataDir,
          archivesDir,
          ...(options.containers === false ? { dockerHost: `unix://${door}` } : {}),
          ...more,
        }),
      )
      agents.push(agent)
      return agent
    },
    findStack: (path) =>
      told(
        until(`the stack in ${path} to be found`, async () => {
          const { body } = await client.get<{ stacks: Stack[] }>('/api/stacks')
          return body.stacks.find((stack) => stack.path === path)
        }),
      ),
    async makeArchive(name, stacks, settings = {}) {
      const answer = await client.post<{ archive: { id: number } }>('/api/archives', {
        name,
        stack_ids: stacks.map(({ id }) => id),
        time_zone: 'UTC',
        ...settings,
      })
      if (answer.status !== 201) throw new Error(`The archive was refused: ${JSON.stringify(answer.body)}`)
      return answer.body.archive.id
    },
    async run(archiveId) {
      const answer = await client.post<{ job_id: number }>(`/api/archives/${archiveId}/run`)
      if (answer.status !== 202) throw new Error(`The job was refused: ${JSON.stringify(answer.body)}`)
      return answer.body.job_id
    },
    async ended(id, timeout) {
      const found = await told(
        until(
          `job ${id} to end`,
          async () => {
            const answer = await job(id)
            return answer.job.end_time ? answer : undefined
          },
          timeout,
        ),
      )
      const stack = found.metrics[0]
      if (!stack) throw new Error(`Job ${id} has no stack`)
      return { job: found.job, stack, log: (await client.get<string>(`/api/jobs/${id}/log`)).body }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

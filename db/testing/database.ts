// A database of its own for each test file: a copy of one migrated template, made in a fraction of a second.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { connect, type Sql } from '../connect.ts'
import { keepOthersOut, migrate } from '../migrate.ts'

const templateName = 'archiver_template'

export interface TestDatabase {
  /** As its owner. */
  url: string
  sql: Sql
  /** As the agent of a new host; the host's name is unique in the whole cluster, since roles are. */
  addHost(prefix?: string): Promise<{ id: number; name: string; url: string }>
  drop(): Promise<void>
}

/** Makes the template once for a whole test run. `serverUrl` is a superuser's, of any database. */
export async function makeTemplate(serverUrl: string): Promise<void> {
  await asSuperuser(serverUrl, async (client) => {
    await client.query(`create database ${templateName}`)
  })
  await migrate(withDatabase(serverUrl, templateName))
}

export async function makeTestDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `archiver_test_${randomBytes(6).toString('hex')}`
  const url = withDatabase(serverUrl, name)
  await asSuperuser(serverUrl, async (client) => {
    await client.query(`create database ${name} template ${templateName}`)
  })
  await asSuperuser(url, keepOthersOut)
  const sql = connect(url, { name: 'test' })
  return {
    url,
    sql,
    async addHost(prefix = 'host') {
      const hostName = `${prefix}-${randomBytes(5).toString('hex')}`
      const password = randomBytes(12).toString('hex')
      const [row] = await sql<[{ id: number }]>`select archiver.register_host(${hostName}, ${password}) as id`
      const agentUrl = new URL(url)
      agentUrl.username = `archiver_host_${hostName}`
      agentUrl.password = password
      return { id: row.id, name: hostName, url: agentUrl.href }
    },
    async drop() {
      await sql.end({ timeout: 5 })
      await asSuperuser(serverUrl, async (client) => {
        await client.query(`drop database ${name} with (force)`)
      })
    },
  }
}

async function asSuperuser(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

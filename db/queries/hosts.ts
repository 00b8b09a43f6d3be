import type { Query, Sql } from '../connect.ts'
import { Conflict, fromSql, NotFound } from '../domain/errors.ts'
import { offlineAfterSeconds, type HostStatus } from '../domain/host.ts'

export interface Host {
  id: number
  name: string
  online: boolean
  last_seen_at: Date | null
  agent_version: string
  agent_started_at: Date | null
  parallel_stacks: number
  status: HostStatus | null
  created_at: Date
}

/** All hosts, or the one of this name. */
export async function listHosts(sql: Query, name?: string): Promise<Host[]> {
  return sql<Host[]>`
    select id, name, coalesce(last_seen_at > now() - make_interval(secs => ${offlineAfterSeconds}), false) as online,
      last_seen_at, agent_version, agent_started_at, parallel_stacks, status, created_at
    from archiver.hosts
    where ${name ?? null}::text is null or name = ${name ?? null}
    order by name`
}

/** Makes the host with its login role, or gives an existing one a new password. Resolves with its id. */
export async function registerHost(sql: Sql, name: string, password: string): Promise<number> {
  const [row] = await sql<[{ id: number }]>`select archiver.register_host(${name}, ${password}) as id`
  return row.id
}

/** Makes a new host with its login role. Throws Conflict when the name is taken, here or by a role of another database. */
export async function addHost(sql: Sql, name: string, password: string): Promise<Host> {
  await sql
    .begin(async (sql) => {
      await sql`lock table archiver.hosts in share row exclusive mode`
      const [taken] = await sql`select from archiver.hosts where name = ${name}`
      if (taken) throw new Conflict(`There is already a host named "${name}"`)
      await sql`select archiver.register_host(${name}, ${password})`
    })
    .catch((error: unknown) => {
      throw fromSql(error)
    })
  const [host] = await listHosts(sql, name)
  if (!host) throw new Conflict(`Host "${name}" was removed again`)
  return host
}

/** How many stacks its agent may archive side by side. Throws NotFound. */
export async function changeHost(
  sql: Sql,
  id: number,
  { parallel_stacks }: { parallel_stacks: number },
): Promise<Host> {
  return sql.begin(async (sql) => {
    const [changed] = await sql<{ name: string }[]>`
      update archiver.hosts set parallel_stacks = ${parallel_stacks} where id = ${id} returning name`
    const [host] = changed ? await listHosts(sql, changed.name) : []
    if (!host) throw new NotFound('There is no such host')
    await sql`select archiver.announce('hosts', ${id}::bigint), archiver.wake_agent(${id})`
    return host
  })
}

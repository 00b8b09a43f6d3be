import type { Sql } from '../connect.ts'
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

export async function listHosts(sql: Sql): Promise<Host[]> {
  return sql<Host[]>`
    select id, name, coalesce(last_seen_at > now() - make_interval(secs => ${offlineAfterSeconds}), false) as online,
      last_seen_at, agent_version, agent_started_at, parallel_stacks, status, created_at
    from archiver.hosts
    order by name`
}

/** Makes the host with its login role, or gives an existing one a new password. Resolves with its id. */
export async function registerHost(sql: Sql, name: string, password: string): Promise<number> {
  const [row] = await sql<[{ id: number }]>`select archiver.register_host(${name}, ${password}) as id`
  return row.id
}

// The rolling verify: each day some backups of each host are read back.
import type { Query, Sql } from '../connect.ts'
import { chooseToVerify, verifySchedule, type VerifiedBackup } from '../domain/verify.ts'
import { heldColumns, startCare, type HeldBackup } from './backups.ts'
import { readSettings } from './settings.ts'
import { takeTurn } from './timers.ts'

/**
 * Starts the verify job of the day when its hour has come and there is something to read. Resolves with the job's id,
 * or null. Waits while schedules are paused. Call it each minute.
 */
export async function startRollingVerify(sql: Sql, now: Date, timeZone: string): Promise<number | null> {
  if ((await readSettings(sql, 'general')).maintenance_mode) return null
  const { cron, time_zone } = await readSettings(sql, 'cleanup')
  return sql.begin(async (sql) => {
    if (!(await takeTurn(sql, 'verify', verifySchedule(cron), time_zone || timeZone, now))) return null
    const chosen: HeldBackup[] = []
    for (const hostId of await hostsWithoutVerify(sql)) chosen.push(...(await chosenOf(sql, hostId, now)))
    if (chosen.length === 0) return null
    return startCare(sql, 'verify', 'verify_backups', 'schedule', '', chosen, 'rolling verify, reading back')
  })
}

/** Those whose agent is there and has no earlier reading to do. */
async function hostsWithoutVerify(sql: Query): Promise<number[]> {
  const hosts = await sql<{ id: number }[]>`
    select h.id from archiver.hosts as h
    where archiver.silent_since(h) is null and not exists (
      select from archiver.tasks as t where t.host_id = h.id and t.state <> 'finished' and t.kind = 'verify_backups')
    order by h.name`
  return hosts.map(({ id }) => id)
}

async function chosenOf(sql: Query, hostId: number, now: Date): Promise<HeldBackup[]> {
  const live = await sql<VerifiedBackup[]>`
    select id, verified_at, size_bytes from archiver.backups
    where host_id = ${hostId} and state <> 'deleted' and trashed_at is null`
  const ids = chooseToVerify(live, now)
  return sql<HeldBackup[]>`
    select ${heldColumns(sql)} from archiver.backups where id = any (${ids}::bigint[]) order by verified_at, id`
}

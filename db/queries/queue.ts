// The control plane's own work queue (graphile-worker), where it has to be put right.
import type { Sql } from '../connect.ts'

/**
 * Has another server do what one has begun that was killed, or lost the database at the wrong moment, over 15 minutes
 * ago; by itself the queue waits for four hours. Each kind of work may run again, and none takes that long.
 */
export async function releaseLostWork(sql: Sql): Promise<void> {
  await sql`
    select graphile_worker.force_unlock_workers(array_agg(distinct locked_by))
    from graphile_worker.jobs where locked_at < now() - interval '15 minutes'`
}

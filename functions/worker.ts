// Runs the control plane's short work: what SQL enqueued, and the tick of each minute.
import type { Sql } from 'db/connect'
import { Logger as WorkerLogger, parseCronItems, run, type Runner } from 'graphile-worker'
import type pg from 'pg'
import type { Logger } from 'pino'
import { finish_job } from './tasks/finish_job.ts'
import { tick } from './tasks/tick.ts'

/** Several servers share the work; each minute's tick is run by one of them. */
export async function startWorker(pgPool: pg.Pool, sql: Sql, log: Logger): Promise<Runner> {
  return run({
    // a pool of our own: with a connection string, a job in flight at the end would stay locked
    pgPool,
    concurrency: 4,
    noHandleSignals: true,
    pollInterval: 10_000,
    logger: new WorkerLogger(() => (level, message) => {
      if (level === 'error' || level === 'warning') log.warn({ from: 'graphile-worker' }, message)
      else log.debug({ from: 'graphile-worker' }, message)
    }),
    taskList: {
      tick: () => tick(sql),
      finish_job: (payload) => finish_job(sql, payload),
    },
    parsedCronItems: parseCronItems([
      { task: 'tick', match: '* * * * *', identifier: 'tick', options: { maxAttempts: 1, backfillPeriod: 0 } },
    ]),
  })
}

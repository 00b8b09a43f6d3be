// Runs the control plane's short work: what SQL enqueued, and the tick of each minute.
import type { Sql } from 'db/connect'
import { Logger as WorkerLogger, parseCronItems, run, type Runner } from 'graphile-worker'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { MailConfig } from './mail/compose.ts'
import { finish_job } from './tasks/finish_job.ts'
import { note_job } from './tasks/note_job.ts'
import { send_link } from './tasks/send_link.ts'
import { send_mail } from './tasks/send_mail.ts'
import { send_report } from './tasks/send_report.ts'
import { run_cleanup } from './tasks/run_cleanup.ts'
import { tick } from './tasks/tick.ts'

/** Several servers share the work; each minute's tick is run by one of them. `timeZone`: of schedules that name none. */
export async function startWorker(pgPool: pg.Pool, sql: Sql, log: Logger, timeZone = 'UTC'): Promise<Runner> {
  return run({
    ...usual(pgPool, log),
    concurrency: 4,
    taskList: {
      tick: () => tick(sql, new Date(), timeZone),
      finish_job: (payload) => finish_job(sql, payload),
      note_job: (payload) => note_job(sql, log, payload),
      run_cleanup: (payload) => run_cleanup(sql, payload),
      send_report: (payload) => send_report(sql, payload),
      send_link: (payload, { job }) => send_link(sql, payload, job.id),
    },
    parsedCronItems: parseCronItems([
      { task: 'tick', match: '* * * * *', identifier: 'tick', options: { maxAttempts: 1, backfillPeriod: 0 } },
    ]),
  })
}

/** A worker of its own, so that a mail server that is slow or dead keeps nothing else waiting. */
export async function startMailWorker(pgPool: pg.Pool, sql: Sql, log: Logger, config: MailConfig): Promise<Runner> {
  return run({
    ...usual(pgPool, log),
    concurrency: 2,
    gracefulShutdownAbortTimeout: 1500,
    taskList: {
      send_mail: (payload, { job, abortSignal }) =>
        send_mail(sql, config, payload, { isLast: job.attempts >= job.max_attempts, signal: abortSignal }),
    },
    parsedCronItems: [],
  })
}

function usual(pgPool: pg.Pool, log: Logger) {
  return {
    // a pool of our own: with a connection string, a job in flight at the end would stay locked
    pgPool,
    noHandleSignals: true,
    // without these nobody minds when a job's end cannot be written, and Node ends the process for it
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    pollInterval: 10_000,
    logger: new WorkerLogger(() => (level, message) => {
      if (level === 'error' || level === 'warning') log.warn({ from: 'graphile-worker' }, message)
      else log.debug({ from: 'graphile-worker' }, message)
    }),
  }
}

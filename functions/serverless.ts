// What a request needs where no process of ours runs: read from the environment with the first one. Nothing that has to
// last is kept: connections are opened when they are needed, and any other instance would give the same answers.
import { connect } from 'db/connect'
import { pino } from 'pino'
import { makeAuth } from './auth.ts'
import { readConfig } from './config.ts'
import type { Server } from './context.ts'
import { makeLive } from './live.ts'
import manifest from './package.json' with { type: 'json' }
import { makePool } from './pool.ts'
import { makeTransfers } from './transfers.ts'

/** Throws BadConfig. The worker (schedules, mail, retention) runs elsewhere, and has made the tables: functions/main.ts. */
export function serverFrom(environment: Record<string, string | undefined>): Server {
  const config = readConfig(environment)
  const log = pino({ name: 'server', level: config.logLevel, base: { name: 'server' } })
  const sql = connect(config.databaseUrl, { name: 'archiver function', max: 4 })
  const stopping = new AbortController().signal
  return {
    config,
    version: manifest.version,
    sql,
    auth: makeAuth(config, makePool(config.databaseUrl, 'archiver function', 2, log, '-c search_path=auth'), log),
    live: makeLive(config.databaseUrl, log),
    // an agent could not find this instance again
    transfers: makeTransfers({ sql, log, url: () => undefined, stopping }),
    log,
    stopping,
    ailments: () => [],
  }
}

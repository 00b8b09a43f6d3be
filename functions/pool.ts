// Connections for the libraries that bring their own way of asking: sign-in and worker.
import { messageOf } from 'db/domain/errors'
import pg from 'pg'
import type { Logger } from 'pino'

export function makePool(connectionString: string, name: string, max: number, log: Logger, options?: string): pg.Pool {
  const made = new pg.Pool({
    connectionString,
    application_name: name,
    max,
    connectionTimeoutMillis: 10_000,
    ...(options && { options }),
  })
  const lost = (error: Error) => log.warn({ error: messageOf(error), pool: name }, 'a database connection was lost')
  // one that breaks, idle or in use, would otherwise end the process
  made.on('error', lost)
  made.on('connect', (client) => client.on('error', lost))
  return made
}

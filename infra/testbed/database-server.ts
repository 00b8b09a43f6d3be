// A PostgreSQL of a scenario's own, that it may stop and start again.
import { join } from 'node:path'
import { makeTemplate } from '../../db/testing/database.ts'
import { freePort, startPostgres } from '../start/postgres.ts'
import { temporaryFolder } from './folders.ts'

export interface DatabaseServer extends AsyncDisposable {
  url: string
  stop(): Promise<void>
  /** On the port it had. */
  start(): Promise<void>
}

export async function makeDatabaseServer(): Promise<DatabaseServer> {
  await using undo = new AsyncDisposableStack()
  const folder = undo.use(await temporaryFolder())
  const port = await freePort()
  const data = join(folder.path, 'postgres')
  let postgres = await startPostgres(data, 'test', { port })
  undo.defer(() => postgres.stop())
  await makeTemplate(postgres.url)
  const kept = undo.move()
  return {
    url: postgres.url,
    stop: () => postgres.stop(),
    async start() {
      postgres = await startPostgres(data, 'test', { port })
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

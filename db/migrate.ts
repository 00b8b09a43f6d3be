// Brings a database to the newest schema: graphile-worker's tables, sign-in tables, ours.
import { fileURLToPath } from 'node:url'
import { runMigrations } from 'graphile-worker'
import { runner } from 'node-pg-migrate'
import pg from 'pg'

const folder = fileURLToPath(new URL('./migrations', import.meta.url))

/** Safe to run at every start and from several servers at once: node-pg-migrate holds an advisory lock. */
export async function migrate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await runMigrations({ connectionString: url })
    await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable: 'migrations',
      migrationsSchema: 'archiver_migrations',
      createMigrationsSchema: true,
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      log: () => {},
    } as Parameters<typeof runner>[0])
    await keepOthersOut(client)
  } finally {
    await client.end()
  }
}

/** Only what is granted by name may be called; an agent's role is let in by `archiver.register_host`. */
export async function keepOthersOut(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>('select quote_ident(current_database()) as name')
  const name = rows[0]?.name
  await client.query(`revoke connect, temporary on database ${name} from public`)
  await client.query('revoke all on schema public from public')
  // Postgres lets everybody call a function that is new, and a migration may forget to say otherwise
  await client.query('revoke execute on all functions in schema archiver from public')
}

// Writes db/schema.sql from an empty database that the migrations have just filled. `npm run schema`.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../db/connect.ts'
import { migrate } from '../db/migrate.ts'
import { describeSchema, schemaFile } from '../db/testing/describe-schema.ts'
import { startPostgres } from './start/postgres.ts'

const folder = await mkdtemp(join(tmpdir(), 'archiver-schema-'))
await chmod(folder, 0o711)
const postgres = await startPostgres(join(folder, 'postgres'), 'schema')
const sql = connect(postgres.url, { name: 'schema', max: 1 })
try {
  await migrate(postgres.url)
  await writeFile(schemaFile, await describeSchema(sql))
} finally {
  await sql.end()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

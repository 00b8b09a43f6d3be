// One PostgreSQL for a whole test run, with the migrated template that test databases are copied from.
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { makeTemplate } from '../../db/testing/database.ts'
import { startPostgres } from '../start/postgres.ts'
import { temporaryFolder } from './folders.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A superuser's: for makeTestDatabase of db/testing/database.ts. */
    serverUrl: string
  }
}

const settings = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300']

export default async function setup(project: TestProject) {
  await using started = new AsyncDisposableStack()
  const folder = started.use(await temporaryFolder())
  const postgres = await startPostgres(join(folder.path, 'postgres'), 'test', { settings })
  started.defer(postgres.stop)
  await makeTemplate(postgres.url)
  project.provide('serverUrl', postgres.url)
  const toRelease = started.move()
  return () => toRelease.disposeAsync()
}

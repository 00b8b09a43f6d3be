import { readFile } from 'node:fs/promises'
import { expect, inject, test } from 'vitest'
import { makeTestDatabase } from './testing/database.ts'
import { describeSchema, schemaFile } from './testing/describe-schema.ts'

test('schema.sql is what the migrations add up to; `npm run schema` writes it anew', async () => {
  const database = await makeTestDatabase(inject('serverUrl'))
  try {
    expect(await readFile(schemaFile, 'utf8')).toBe(await describeSchema(database.sql))
  } finally {
    await database.drop()
  }
})

import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testbed/folders.ts'
import { startPostgres } from './postgres.ts'

async function ask(url: string, question: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(question)).rows
  } finally {
    await client.end()
  }
}

test('what was written is there after a stop and a start', async () => {
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'postgres')
  const first = await startPostgres(data, 'a secret: #/?')
  await ask(first.url, 'create table kept as select 42 as answer')
  await first.stop()
  const second = await startPostgres(data, 'a secret: #/?')
  expect(await ask(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
  await second.stop()
})

test('it works below a folder that is closed to others, as /root is', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'closed'), { mode: 0o700 })
  const postgres = await startPostgres(join(folder.path, 'closed', 'postgres'), 'secret')
  expect(await ask(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await postgres.stop()
})

test('it ends when the process that started it is killed, and its data can be used at once', async () => {
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'postgres')
  const code = `
    const { startPostgres } = await import(${JSON.stringify(new URL('./postgres.ts', import.meta.url).href)})
    const { url } = await startPostgres(${JSON.stringify(data)}, 'secret')
    console.log(url)
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(parent.stdout, 'data')
  parent.kill('SIGKILL')
  const next = await startPostgres(data, 'secret')
  expect(await ask(next.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await next.stop()
})

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { BadConfig, readConfig } from '../../functions/config.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { run } from '../testbed/run.ts'
import { readSecrets } from './secrets.ts'

test('secrets are made once, differ from each other, and only their owner may read them', async () => {
  await using folder = await temporaryFolder()
  const dataDir = join(folder.path, 'data')
  const first = await readSecrets(dataDir)
  expect(new Set(Object.values(first)).size).toBe(3)
  expect(Object.values(first).every((secret) => secret.length === 64)).toBe(true)
  expect((await stat(join(dataDir, 'secrets.json'))).mode & 0o777).toBe(0o600)
  expect(await readSecrets(dataDir)).toEqual(first)
})

test('a damaged file is named and left as it is', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'secrets.json')
  await writeFile(file, '{"secret_key": "ab')
  await expect(readSecrets(folder.path)).rejects.toThrow('secrets.json cannot be understood')
  expect(await readFile(file, 'utf8')).toBe('{"secret_key": "ab')
})

test('Not again: public default secrets', async () => {
  await using folder = await temporaryFolder()
  const root = fileURLToPath(new URL('../..', import.meta.url))

  // npm start: made on each machine anew
  const [one, other] = [await readSecrets(join(folder.path, 'one')), await readSecrets(join(folder.path, 'other'))]
  const all = [...Object.values(one), ...Object.values(other)]
  expect(new Set(all).size).toBe(all.length)

  // docker compose up: so are the files of its volumes
  const written: string[] = []
  for (const name of ['first', 'second']) {
    const volumes = join(folder.path, name)
    for (const volume of ['db', 'server', 'agent']) await mkdir(join(volumes, volume), { recursive: true })
    await run(process.execPath, [join(root, 'infra/compose-secrets.ts'), volumes])
    for (const file of ['db/postgres_password', 'server/agent_password', 'server/secret_key'])
      written.push(await readFile(join(volumes, file), 'utf8'))
    expect((await readdir(join(volumes, 'agent'))).toSorted()).toEqual(['database_url'])
  }
  expect(new Set(written).size).toBe(written.length)
  expect(written.every((secret) => /^[0-9a-f]{64}$/.test(secret))).toBe(true)

  // what is published holds none
  for (const file of ['docker-compose.yml', '.env.example', 'docker-compose.override.yml.example']) {
    const text = await readFile(join(root, file), 'utf8')
    const secrets = [...text.matchAll(/^\s*(\w*(?:PASSWORD|SECRET|TOKEN|KEY))[ \t]*[:=][ \t]*(.*)$/gm)]
    for (const [, name, value] of secrets) expect(value, `${file}: ${name}`).toMatch(/^(|\$\{\w+:-\})$/)
  }

  // and a server that is given none does not start with one of its own
  const problems = (() => {
    try {
      readConfig({ DATABASE_URL: 'postgres://u:p@db/archiver' })
    } catch (error) {
      if (error instanceof BadConfig) return error.problems.join()
    }
    return ''
  })()
  expect(problems).toMatch(/SECRET_KEY is missing/)
})

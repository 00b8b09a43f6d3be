import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testbed/folders.ts'
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

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { projectName } from './discover.ts'
import { scanFolder } from './scan.ts'

let root: string
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'archiver-scan-'))))
afterEach(() => rm(root, { recursive: true, force: true }))

async function addStack(path: string, file = 'compose.yml'): Promise<void> {
  await mkdir(join(root, path), { recursive: true })
  await writeFile(join(root, path, file), 'services: {}\n')
}

test('a mount root and one level below are searched; hidden folders, archives and tmp are not', async () => {
  await addStack('.', 'docker-compose.yaml')
  for (const path of ['wiki', 'app', '.hidden', 'archives', 'tmp', 'deep/er']) await addStack(path)
  await mkdir(join(root, 'empty'))
  await mkdir(join(root, 'trap/compose.yml'), { recursive: true })
  const { stacks } = await scanFolder(root)
  expect(stacks.map(({ name, kind }) => [name, kind])).toEqual([
    [root.split('/').at(-1), 'direct'],
    ['app', 'nested'],
    ['wiki', 'nested'],
  ])
})

test('each name Compose knows is found, in Compose’s order', async () => {
  for (const file of ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'])
    await addStack(file, file)
  await addStack('both', 'docker-compose.yml')
  await addStack('both', 'compose.yaml')
  const found = Object.fromEntries(
    (await scanFolder(root)).stacks.map(({ name, compose_file }) => [name, compose_file]),
  )
  expect(found).toEqual({
    both: 'compose.yaml',
    'compose.yaml': 'compose.yaml',
    'compose.yml': 'compose.yml',
    'docker-compose.yml': 'docker-compose.yml',
    'docker-compose.yaml': 'docker-compose.yaml',
  })
})

test('a linked folder is listed under the path it resolves to', async () => {
  await addStack('real')
  await symlink(join(root, 'real'), join(root, 'alias'))
  expect(new Set((await scanFolder(root)).stacks.map(({ path }) => path))).toEqual(new Set([join(root, 'real')]))
})

test('a folder that is missing, is a file, or has a name that is no text is told', async () => {
  expect((await scanFolder(join(root, 'nowhere'))).problem).toBe('missing')
  await writeFile(join(root, 'file'), '')
  expect((await scanFolder(join(root, 'file'))).problem).toBe('missing')
  await mkdir(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]))
  expect(await scanFolder(root)).toMatchObject({ problem: null, unprintable: 1 })
})

test('a project is named after its directory as Compose does it', () => {
  expect(['My Shop', '_x-1', 'a.b', 'ÄÖ9'].map(projectName)).toEqual(['myshop', 'x-1', 'ab', '9'])
})

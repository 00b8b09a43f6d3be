import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFolder, publish, writeDurably } from './durable.ts'

let root: string
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'archiver-durable-'))))
afterEach(() => rm(root, { recursive: true, force: true }))

test('a file gets its final name and loses the other', async () => {
  await writeFile(join(root, 'a.partial'), 'whole')
  await publish(join(root, 'a.partial'), join(root, 'a'))
  expect(await readdir(root)).toEqual(['a'])
})

test('another file of that name is never replaced', async () => {
  await writeFile(join(root, 'a.partial'), 'new')
  await writeFile(join(root, 'a'), 'old')
  await expect(publish(join(root, 'a.partial'), join(root, 'a'))).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await readFile(join(root, 'a'), 'utf8')).toBe('old')
  expect(await readFile(join(root, 'a.partial'), 'utf8')).toBe('new')
})

test('a folder gets its final name, and never replaces another, not even an empty one', async () => {
  await mkdir(join(root, 'a.partial'))
  await writeFile(join(root, 'a.partial/file'), 'whole')
  await mkdir(join(root, 'a'))
  await expect(publish(join(root, 'a.partial'), join(root, 'a'))).rejects.toMatchObject({ code: 'EEXIST' })
  await publish(join(root, 'a.partial'), join(root, 'b'))
  expect(await readdir(root)).toEqual(['a', 'b'])
  expect(await readFile(join(root, 'b/file'), 'utf8')).toBe('whole')
  // as after a crash that came behind the rename
  await expect(publish(join(root, 'a.partial'), join(root, 'b'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('publishing again after a crash between link and unlink ends well', async () => {
  await writeFile(join(root, 'a.partial'), 'whole')
  await link(join(root, 'a.partial'), join(root, 'a'))
  await publish(join(root, 'a.partial'), join(root, 'a'))
  expect(await readdir(root)).toEqual(['a'])
})

test('a file is replaced as a whole, and folders are made with all above them', async () => {
  const folder = join(root, 'x/y/z')
  await makeFolder(folder)
  await makeFolder(folder)
  await writeDurably(join(folder, 'entry'), 'one')
  await writeDurably(join(folder, 'entry'), 'two')
  expect(await readdir(folder)).toEqual(['entry'])
  expect(await readFile(join(folder, 'entry'), 'utf8')).toBe('two')
})

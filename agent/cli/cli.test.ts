import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { contentOf, ground } from '../archive/testing/tree.ts'

const cli = fileURLToPath(new URL('../cli.ts', import.meta.url))

/** As from a shell in `cwd`. */
function run(cwd: string, ...args: string[]) {
  const env = { ...process.env, XDG_CACHE_HOME: join(cwd, '.cache'), npm_lifecycle_event: '' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { cwd, env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('packs, lists, verifies and unpacks, with paths from where its user is', () => {
  using at = ground()
  mkdirSync(join(at.source, 'data'))
  writeFileSync(join(at.source, 'data/file'), 'content')
  writeFileSync(join(at.source, 'other'), 'x'.repeat(2000))
  expect(run(at.path, 'pack', 'source', 'a.tar.gz')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^2 files of 2.0 kB packed into 12.3 kB\n$/),
    stderr: '',
  })
  expect(readdirSync(at.path).filter((name) => !name.startsWith('.cache'))).toEqual([
    'a.tar.gz',
    'a.tar.gz.index',
    'source',
  ])
  const lines = run(at.path, 'list', 'a.tar.gz').stdout.split('\n')
  expect(lines[0]).toMatch(/^-rw-r--r-- \d+\/\d+ +7 \d{4}-\d\d-\d\d \d\d:\d\d source\/data\/file$/)
  const json = run(at.path, 'list', '--json', 'a.tar.gz').stdout.split('\n')
  expect(JSON.parse(json[0] ?? '')).toMatchObject({ type: 'file', name: 'source/data/file', size: 7, mode: 0o644 })
  expect(run(at.path, 'verify', '--json', 'a.tar.gz').stdout).toContain('"entry_count":4,')
  expect(run(at.path, 'unpack', 'a.tar.gz', 'to')).toMatchObject({ status: 0 })
  expect(contentOf(join(at.path, 'to/source'))).toEqual(contentOf(at.source))
  expect(run(at.path, 'unpack', '--path', 'source/data/file', 'a.tar.gz', '-')).toMatchObject({
    status: 0,
    stdout: 'content',
  })
  expect(run(at.path, 'unpack', '--path', 'source/data', 'a.tar.gz', 'part')).toMatchObject({ status: 0 })
  expect(readdirSync(join(at.path, 'part/source'))).toEqual(['data'])
})

test('a folder takes over what has not changed, too, with --previous', async () => {
  using at = ground()
  writeFileSync(join(at.source, 'file'), 'x'.repeat(2000))
  await sleep(2100)
  expect(run(at.path, 'pack', '--format', 'folder', 'source', 'first').status).toBe(0)
  const again = run(at.path, 'pack', '--format', 'folder', '--previous', 'first', '--json', 'source', 'second')
  expect(again.stdout).toContain('"reused_bytes":2000')
  expect(contentOf(join(at.path, 'second/source'))).toEqual(contentOf(at.source))
})

test('exits with 1 and says why when something could not be done, and leaves nothing behind', () => {
  using at = ground()
  writeFileSync(join(at.path, 'taken'), 'as before')
  const taken = run(at.path, 'pack', 'source', 'taken')
  expect(taken).toMatchObject({ status: 1, stdout: '' })
  expect(taken.stderr).toBe(`docker-archiver: ${join(at.path, 'taken')} is there already; --force replaces it\n`)
  expect(readFileSync(join(at.path, 'taken'), 'utf8')).toBe('as before')
  expect(run(at.path, 'pack', 'gone', 'out').status).toBe(1)
  expect(readdirSync(at.path).filter((name) => name.includes('out'))).toEqual([])
  expect(run(at.path, 'pack', '--force', 'source', 'taken').status).toBe(0)
  const bytes = readFileSync(join(at.path, 'taken'))
  bytes[20] = (bytes[20] ?? 0) ^ 1
  writeFileSync(join(at.path, 'taken'), bytes)
  expect(run(at.path, 'verify', 'taken')).toMatchObject({ status: 1, stderr: expect.stringContaining('is damaged') })
  expect(run(at.path, 'unpack', 'taken', 'to').status).toBe(1)
  expect(run(at.path, 'unpack', '--path', 'nothing', 'taken', 'to').status).toBe(1)
})

test('exits with 2 when it is called in a wrong way, and helps', () => {
  using at = ground()
  for (const args of [
    [],
    ['fly'],
    ['pack', 'source'],
    ['pack', '--level', '99', 'source', 'out'],
    ['list', '--nothing', 'x'],
  ])
    expect(run(at.path, ...args).status).toBe(2)
  for (const command of ['pack', 'list', 'verify', 'unpack'])
    expect(run(at.path, command, '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining(command) })
  expect(existsSync(join(at.path, 'out'))).toBe(false)
})

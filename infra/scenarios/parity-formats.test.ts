// One stack archived in every format through the real thing, and restored with nothing but what every system has.
import { chmod, chown, link, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { archiveFormats, type ArchiveFormat } from 'db/domain/archive'
import type { Backup } from 'db/queries/backups'
import { docker } from '../testbed/docker.ts'
import { isRoot, temporaryFolder } from '../testbed/folders.ts'
import { makeHouse, type House } from '../testbed/house.ts'
import { run } from '../testbed/run.ts'
import { startShop } from '../testbed/sample-stack.ts'
import type { TestStack } from '../testbed/stack.ts'
import { treeOf } from '../testbed/tree.ts'

const undo = new AsyncDisposableStack()
let shop: TestStack
let house: House
let volume: string

beforeAll(async () => {
  shop = undo.use(await startShop())
  await furnish(shop.folder)
  volume = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${shop.name}_data`)
  await writeFile(join(volume, 'rows'), 'of the database')
  await writeFile(join(volume, 'debug.log'), 'nobody needs this')
  house = undo.use(await makeHouse({ stacksDirs: [shop.parent] }))
  await house.startAgent()
})

afterAll(() => undo.disposeAsync())

/** All that a file system can hold, and some of what the patterns are to leave out. */
async function furnish(folder: string): Promise<void> {
  await mkdir(join(folder, 'cache/deep'), { recursive: true })
  await writeFile(join(folder, 'cache/deep/file'), 'left out')
  await writeFile(join(folder, 'site/access.log'), 'left out')
  await writeFile(join(folder, 'site/keep.log'), 'kept by an exception')
  await writeFile(
    Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff, 0xfe])]),
    'a name that is not UTF-8',
  )
  await writeFile(join(folder, 'run.sh'), '#!/bin/sh')
  if (isRoot) await chown(join(folder, 'run.sh'), 1234, 5678)
  await chmod(join(folder, 'run.sh'), 0o4750) // after the owner, whose change takes setuid away
  await link(join(folder, 'run.sh'), join(folder, 'site/second-name'))
  await symlink('../run.sh', join(folder, 'site/link'))
  await symlink('/nowhere', join(folder, 'dangling'))
  await run('mkfifo', [join(folder, 'fifo')])
  await run('truncate', ['-s', '5M', join(folder, 'sparse')])
  await run('touch', ['-d', '2024-02-29 12:34:56.123456789', join(folder, 'site/keep.log')])
  await run('touch', ['-d', '2001-02-03 04:05:06.000000007', join(folder, 'site')])
}

const patterns = ['/cache', '*.log', '!keep.log']

async function restore(format: ArchiveFormat, from: string, to: string): Promise<void> {
  if (format === 'folder') await run('cp', ['-a', `${from}/.`, to])
  else await run('tar', ['-xpf', from, '--numeric-owner', '-C', to])
}

describe('Archive: name (unique), stacks, … format tar tar.gz tar.zst folder', () => {
  test.each(archiveFormats)('%s', async (format) => {
    const before = (await treeOf(shop.folder)).filter((line) => !/^"\.\/(cache|site\/access\.log)/.test(line))
    const archive = await house.makeArchive(`as ${format}`, [await house.findStack(shop.folder)], {
      format,
      exclude: patterns,
    })
    const { job, stack, log } = await house.ended(await house.run(archive))
    expect(job.status, log).toBe('success')
    expect(stack.was_running).toBe(true)
    expect(log).toContain('Left out by the exclude patterns: 2 files, 1 folder with all in it')

    const path = stack.archive_path ?? ''
    expect(path.slice(house.archivesDir.length)).toMatch(
      new RegExp(`^/[\\w.-]+/${shop.name}/\\d{8}_\\d{6}_${shop.name}${format === 'folder' ? '' : `.${format}`}$`),
    )
    await using out = await temporaryFolder()
    await restore(format, path, out.path)
    expect((await readdir(out.path)).sort()).toEqual(['_archive', '_volumes', shop.name].sort())
    expect(await treeOf(join(out.path, shop.name))).toEqual(before)
    // the db takes its own file away when it is stopped
    expect(await readdir(join(out.path, '_volumes', `${shop.name}_data`))).toEqual(['rows'])
    const [first, second] = ['run.sh', 'site/second-name'].map((name) => stat(join(out.path, shop.name, name)))
    expect((await first)?.ino).toBe((await second)?.ino)

    const { body } = await house.api.get<{ backups: Backup[] }>(`/api/backups?job_id=${job.id}`)
    expect(body.backups).toMatchObject([{ format, state: 'good' }])
    const [backup] = body.backups
    if (format === 'folder') {
      expect((await lstat(path)).mode & 0o7777).toBe(0o700)
      expect(backup?.size_bytes).toBe(stack.archive_size_bytes)
    } else {
      expect((await lstat(path)).mode & 0o7777).toBe(0o600)
      expect(backup?.size_bytes).toBe((await stat(path)).size)
      expect(backup?.sha256).toMatch(/^frames:[0-9a-f]{64}$/)
      expect((await lstat(`${path}.index`)).mode & 0o7777).toBe(0o600)
    }
    // nothing unfinished is left beside it
    expect((await readdir(dirname(path))).filter((name) => name.startsWith('.'))).toEqual([])
  })
})

test('a backup that took over damage is noticed, and the next one is made without', async () => {
  const archive = await house.makeArchive('damaged', [await house.findStack(shop.folder)], { format: 'folder' })
  const first = await house.ended(await house.run(archive))
  expect(first.job.status, first.log).toBe('success')
  const file = join(first.stack.archive_path ?? '', shop.name, 'site/keep.log')
  await writeFile(file, 'cept by an exception')
  await run('touch', ['-d', '2024-02-29 12:34:56.123456789', file]) // as a disk damages, without a trace
  const second = await house.ended(await house.run(archive))
  expect(second.job.status).toBe('failed')
  expect(second.log).toContain(`The damage may have come from ${first.stack.archive_path}`)
  expect(second.stack.reason).toContain('is not what was written')
  const third = await house.ended(await house.run(archive))
  expect(third.job.status, third.log).toBe('success')
  expect(await readFile(join(third.stack.archive_path ?? '', shop.name, 'site/keep.log'), 'utf8')).toBe(
    'kept by an exception',
  )
})

test('a pattern that can only be a mistake is refused at its field', async () => {
  const stacks = [await house.findStack(shop.folder)]
  const answer = await house.api.post<{ errors: { field: string; detail: string }[] }>('/api/archives', {
    name: 'wrong',
    stack_ids: stacks.map(({ id }) => id),
    exclude: ['*.log', '../other'],
  })
  expect(answer.status).toBe(422)
  expect(answer.body.errors).toEqual([
    { field: 'exclude.1', detail: expect.stringMatching(/^must not hold \. or \.\./) as string },
  ])
})

test('Output permissions (Settings → Security, default off): files we make 0644, folders 0755; never inside a folder backup', async () => {
  await house.api.patch('/api/settings/security', { output_permissions: true })
  const stacks = [await house.findStack(shop.folder)]
  for (const format of ['tar', 'folder'] as const) {
    const archive = await house.makeArchive(`open as ${format}`, stacks, { format, mode: 'live' })
    const { job, stack, log } = await house.ended(await house.run(archive))
    expect(job.status, log).toBe('success')
    const path = stack.archive_path ?? ''
    const modes = [path, dirname(path), dirname(dirname(path))].map(async (one) => (await lstat(one)).mode & 0o7777)
    expect(await Promise.all(modes)).toEqual([format === 'tar' ? 0o644 : 0o755, 0o755, 0o755])
    if (format === 'tar') {
      expect((await lstat(`${path}.index`)).mode & 0o7777).toBe(0o644)
      continue
    }
    expect((await lstat(join(path, shop.name, 'run.sh'))).mode & 0o7777).toBe(0o4750)
    expect((await lstat(join(path, '_archive/manifest.json'))).mode & 0o7777).toBe(0o600)
  }
})

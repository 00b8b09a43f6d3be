// Stacks and files whose names are hard to handle, and compose files that do not parse.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { containersOf } from '../testbed/docker.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse } from '../testbed/house.ts'
import { run } from '../testbed/run.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { composeUp, makeStack } from '../testbed/stack.ts'
import { treeOf } from '../testbed/tree.ts'

const yaml = `
services:
  web:
    image: archiver-test/busybox
    command: ["sleep", "1000000"]
    stop_grace_period: 1s
    volumes: ["./data:/data"]
`

test('a directory named with spaces, quotes and a newline, with file names that are not UTF-8', async () => {
  await using stack = await makeStack({
    name: `${uniqueName('my')} "shop"\n'of' <img src=x onerror=alert(1)>`,
    composeYaml: yaml,
  })
  await mkdir(join(stack.folder, 'data'))
  for (const name of [
    Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x74]),
    Buffer.from('new\nline'),
    Buffer.from('-dash'),
    Buffer.from('a'.repeat(255)),
  ])
    await writeFile(Buffer.concat([Buffer.from(join(stack.folder, 'data') + '/'), name]), name)
  await composeUp(stack.folder)
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const found = await house.findStack(stack.folder)
  expect(found).toMatchObject({ name: stack.name, running: true })
  const {
    job,
    stack: row,
    log,
  } = await house.ended(await house.run(await house.makeArchive('odd "names"/..', [found])))
  expect(job.status, log).toBe('success')
  expect(row.archive_path).toMatch(/^\/[\w./-]+\.tar\.zst$/)
  await using out = await temporaryFolder()
  await run('tar', ['--zstd', '-xpf', row.archive_path ?? '', '-C', out.path])
  expect(await treeOf(join(out.path, stack.name))).toEqual(await treeOf(stack.folder))
  expect((await house.findStack(stack.folder)).running).toBe(true)
})

test('two stacks of the same name have a folder each', async () => {
  await using above = await temporaryFolder()
  await using _one = await makeStack({ name: 'same', parent: join(above.path, 'a'), composeYaml: 'services: {}' })
  await using _two = await makeStack({ name: 'same', parent: join(above.path, 'b'), composeYaml: 'services: {}' })
  await using house = await makeHouse({ stacksDirs: [join(above.path, 'a'), join(above.path, 'b')] })
  await house.startAgent()
  const stacks = [await house.findStack(join(above.path, 'a/same')), await house.findStack(join(above.path, 'b/same'))]
  const id = await house.run(await house.makeArchive('nightly', stacks))
  await house.ended(id)
  const { metrics } = await house.job(id)
  expect(metrics.map(({ status }) => status)).toEqual(['success', 'success'])
  expect(metrics.map(({ archive_path }) => archive_path?.split('/').at(-2))).toEqual(['same', 'same-2'])
})

test('a compose file that does not parse: the stack is archived with what Docker knows of it, and the job says why', async () => {
  await using stack = await makeStack({ name: uniqueName('broken'), composeYaml: yaml, files: { 'data/file': 'kept' } })
  await composeUp(stack.folder)
  await writeFile(join(stack.folder, 'compose.yaml'), 'services:\n  web: [this: is\n not yaml')
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const {
    job,
    stack: row,
    log,
  } = await house.ended(await house.run(await house.makeArchive('nightly', [await house.findStack(stack.folder)])))
  expect(job.status, log).toBe('warning')
  expect(row.reason).toMatch(/the compose file could not be resolved: .*yaml/)
  expect(row.backup_id).not.toBeNull()
  expect((await containersOf(stack.name))['web']?.State.Running).toBe(true)
})

test('a stack whose directory has gone fails in words, and the others of its job are archived', async () => {
  await using above = await temporaryFolder()
  await using gone = await makeStack({ name: 'gone', parent: above.path, composeYaml: 'services: {}' })
  await using stays = await makeStack({ name: 'stays', parent: above.path, composeYaml: 'services: {}' })
  await using house = await makeHouse({ stacksDirs: [above.path] })
  await house.startAgent()
  const id = await house.makeArchive('nightly', [
    await house.findStack(gone.folder),
    await house.findStack(stays.folder),
  ])
  await run('rm', ['-r', gone.folder])
  const job = await house.run(id)
  const ended = await house.ended(job)
  expect(ended.job.status).toBe('failed')
  const { metrics } = await house.job(job)
  expect(metrics.map(({ stack_name, status }) => [stack_name, status])).toEqual([
    ['gone', 'failed'],
    ['stays', 'success'],
  ])
  expect(metrics[0]?.reason).toContain(gone.folder)
})

// What is written until the last moment: the backup is the stack as it stood still, whatever was read before.
import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { docker, dockerEnv } from '../testbed/docker.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse } from '../testbed/house.ts'
import { run } from '../testbed/run.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { composeUp, makeStack } from '../testbed/stack.ts'
import { makeStandIns } from '../testbed/stand-ins.ts'
import { until } from '../testbed/until.ts'

/** Writes the same number into forty files, over and over; asked to end, it ends a round first. */
const roundsYaml = `
services:
  writer:
    image: archiver-test/busybox
    network_mode: none
    stop_grace_period: 30s
    volumes: ["./files:/files"]
    command:
      - sh
      - -c
      - |
        trap 'ended=1' TERM
        round=0
        while [ -z "$$ended" ]; do
          round=$$((round + 1))
          for name in 0 1 2 3 4 5 6 7 8 9; do for folder in a b c d; do echo $$round > /files/$$folder/$$name; done; done
        done
`

test('a program that writes the same into many files is in the backup as it ended, in the first and in the next', async () => {
  const files = Object.fromEntries(['a', 'b', 'c', 'd'].map((folder) => [`files/${folder}/0`, '0\n']))
  await using stack = await makeStack({ name: uniqueName('rounds'), composeYaml: roundsYaml, files })
  await composeUp(stack.folder)
  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const archive = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
  const rounds: number[] = []
  for (const name of ['first', 'second']) {
    const { job, stack: row, log } = await house.ended(await house.run(archive))
    expect(job.status, log).toBe('success')
    await using out = await temporaryFolder()
    await run('tar', ['-xf', row.archive_path ?? '', '-C', out.path])
    const found = new Set<string>()
    for (const folder of ['a', 'b', 'c', 'd'])
      for (const file of await readdir(join(out.path, stack.name, 'files', folder)))
        found.add(await readFile(join(out.path, stack.name, 'files', folder, file), 'utf8'))
    expect([...found], name).toEqual([expect.stringMatching(/^\d+\n$/)])
    rounds.push(Number([...found][0]))
  }
  // it begins anew each time it is started
  for (const round of rounds) expect(round).toBeGreaterThan(0)
})

const databaseYaml = (image: string) => `
services:
  db:
    image: ${image}
    network_mode: none
    stop_grace_period: 60s
    volumes: ["data:/data"]
    entrypoint:
      - sh
      - -euc
      - |
        bin=$$(echo /usr/lib/postgresql/*/bin)
        as() { exec setpriv --reuid=postgres --regid=postgres --init-groups "$$@"; }
        mkdir -p /data/cluster && chown postgres:postgres /data/cluster && chmod 700 /data/cluster
        [ -s /data/cluster/PG_VERSION ] || (as $$bin/initdb -D /data/cluster --username=postgres --auth=trust --data-checksums)
        as $$bin/postgres -D /data/cluster -c listen_addresses=
    healthcheck: { test: ["CMD-SHELL", "$$(echo /usr/lib/postgresql/*/bin)/pg_isready"], interval: 1s, retries: 60 }
volumes:
  data: {}
`

test('a PostgreSQL under load is in the backup as it shut down: restored, it starts, and passes its own checks', async () => {
  const { postgres } = await makeStandIns()
  await using stack = await makeStack({ name: uniqueName('bank'), composeYaml: databaseYaml(postgres) })
  await composeUp(stack.folder, '--wait')
  const container = `${stack.name}-db-1`
  const ask = (name: string, question: string) =>
    docker('exec', name, 'psql', '-U', 'postgres', '-h', '/var/run/postgresql', '-Atc', question)
  const bench = (...args: string[]) => [
    'exec',
    container,
    'sh',
    '-c',
    `exec $(echo /usr/lib/postgresql/*/bin)/pgbench -h /var/run/postgresql -U postgres ${args.join(' ')} postgres`,
  ]
  await docker(...bench('--initialize', '--scale=2', '--quiet'))
  const load = spawn('docker', bench('--client=2', '--time=600', '--no-vacuum'), { env: dockerEnv(), stdio: 'ignore' })
  const over = new Promise((done) => load.on('exit', done).on('error', done))
  await until(
    'the load to begin',
    async () => Number(await ask(container, 'select count(*) from pgbench_history')) > 100,
  )

  await using house = await makeHouse({ stacksDirs: [stack.parent] })
  await house.startAgent()
  const archive = await house.makeArchive('nightly', [await house.findStack(stack.folder)])
  const { job, stack: row, log } = await house.ended(await house.run(archive))
  await over
  expect(job.status, log).toBe('success')

  await using out = await temporaryFolder()
  await run('tar', ['-xpf', row.archive_path ?? '', '--numeric-owner', '-C', out.path])
  const data = join(out.path, '_volumes', `${stack.name}_data`)
  const program = [
    'sh',
    '-c',
    'exec setpriv --reuid=postgres --regid=postgres --init-groups $(echo /usr/lib/postgresql/*/bin)/"$@"',
    'sh',
  ]
  const mount = [
    '--rm',
    '--network',
    'none',
    '-v',
    `${data}:/data`,
    '--entrypoint',
    program[0] ?? '',
    postgres,
    ...program.slice(1),
  ]
  const state = await docker('run', ...mount, 'pg_controldata', '-D', '/data/cluster')
  expect(state).toMatch(/Database cluster state: +shut down\n/)
  expect(await docker('run', ...mount, 'pg_checksums', '--check', '-D', '/data/cluster')).toMatch(/Bad checksums: +0\n/)

  const restored = uniqueName('restored')
  await docker('run', '-d', '--name', restored, ...mount, 'postgres', '-D', '/data/cluster', '-c', 'listen_addresses=')
  try {
    const sums = `select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches)
      and (select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history)
      and (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)`
    expect(await until('the restored one to answer', () => ask(restored, sums).catch(() => undefined))).toBe('t')
    expect(Number(await ask(restored, 'select count(*) from pgbench_history'))).toBeGreaterThan(100)
  } finally {
    await docker('rm', '--force', restored)
  }
})

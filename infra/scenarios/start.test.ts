// A clone and `npm start`, as on a machine that never saw this product; then Ctrl-C, and once more.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freePort } from '../start/postgres.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { run } from '../testbed/run.ts'
import { until } from '../testbed/until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('a clone starts with one command, ends with Ctrl-C, and starts again', { timeout: 600_000 }, async () => {
  await using folder = await temporaryFolder()
  const clone = join(folder.path, 'clone')
  const readyMade = await readyMadeFile(folder.path)
  await run('git', ['clone', '--quiet', root, clone])
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`

  {
    await using first = startInTerminal(clone, port, readyMade)
    await first.isReady()
    expect(await (await fetch(`${url}/login`)).text()).toMatch(/<!doctype html>/i)
    expect(first.output()).toContain(`Docker Archiver runs at ${url}`)
    expect(first.output()).toContain('create the admin')
    expect((await stat(join(clone, 'data', 'secrets.json'))).mode & 0o777).toBe(0o600)
    await setUp(url)

    const taken = startInTerminal(clone, port, readyMade)
    expect(await taken.ended).not.toBe(0)
    expect(taken.output()).toContain(`Port ${port} is taken`)

    await first.pressCtrlC()
    expect(await first.leftovers()).toEqual([])
  }

  await using second = startInTerminal(clone, port, readyMade)
  await second.isReady()
  expect(second.output()).not.toContain('Installing packages')
  expect(second.output()).not.toContain('Building the pages')
  expect(await (await fetch(`${url}/api/setup`)).json()).toEqual({ needed: false })
  await second.pressCtrlC()
  expect(await second.leftovers()).toEqual([])
})

/** `npm start` as the foreground job of a terminal: a process group that Ctrl-C reaches as a whole. */
function startInTerminal(folder: string, port: number, readyMade: NodeJS.ProcessEnv) {
  const mark = randomUUID()
  const began = Date.now()
  const child = spawn('npm', ['start'], {
    cwd: folder,
    env: { ...environmentOfPerson(), ...readyMade, PORT: String(port), HOST: '127.0.0.1', STARTED_BY_TEST: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()))
  const ended = new Promise<number | null>((done, failed) => child.on('error', failed).on('close', done))
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  const leftovers = () => processesWith(`STARTED_BY_TEST=${mark}`)
  return {
    output: () => output,
    ended,
    leftovers,
    async isReady() {
      await until('the address to be printed', () => hasEnded || output.includes('Docker Archiver runs at'), 480_000)
      if (hasEnded) throw new Error(`npm start ended:\n${output}`)
      console.log(`npm start: ready after ${((Date.now() - began) / 1000).toFixed(1)} s`)
    },
    async pressCtrlC() {
      process.kill(-(child.pid ?? 0), 'SIGINT')
      await ended
    },
    async [Symbol.asyncDispose]() {
      for (const { pid } of await leftovers()) process.kill(pid, 'SIGKILL')
    },
  }
}

/** The native package fetches a ready-made file where there is internet; here it is given what this checkout has compiled already. */
async function readyMadeFile(folder: string): Promise<NodeJS.ProcessEnv> {
  const installed = join(root, 'node_modules', 'zstd-napi')
  const { version, binary } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    version: string
    binary: { napi_versions: [number] }
  }
  const name = `zstd-napi-v${version}-napi-v${binary.napi_versions[0]}-${process.platform}-${process.arch}.tar.gz`
  await run('tar', ['-czf', join(folder, name), '-C', installed, 'build/Release/binding.node'])
  return { npm_config_zstd_napi_local_prebuilds: folder }
}

/** Without what this test run added: its Node, npm's variables, the test runner's own. */
function environmentOfPerson(): NodeJS.ProcessEnv {
  const added =
    /^(npm_|VITEST|NODE_ENV$|NODE_COMPILE_CACHE$|BASE_URL$|MODE$|DEV$|PROD$|SSR$|TEST$|DATABASE_URL|SECRET_KEY|DATA_DIR$)/
  const kept = Object.entries(process.env).filter(([name]) => !added.test(name))
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'))
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) }
}

/** Every process of the machine that inherited this variable, whatever its group or session. */
async function processesWith(variable: string): Promise<{ pid: number; command: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const read = (pid: string, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  const found = await Promise.all(
    pids.map(async (pid) => {
      if (!(await read(pid, 'environ')).split('\0').includes(variable)) return []
      return [{ pid: Number(pid), command: (await read(pid, 'cmdline')).replaceAll('\0', ' ').trim() }]
    }),
  )
  return found.flat()
}

async function setUp(url: string): Promise<void> {
  const answer = await fetch(`${url}/api/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ username: 'ada', email: 'ada@example.org', password: 'correct horse battery' }),
  })
  expect(answer.status).toBe(201)
}

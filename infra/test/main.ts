// `npm test`: everything that can be checked, and a last line that counts it. Arguments go to vitest, which then runs alone.
import '../start/follow-parent.ts'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createVitest, parseCLI } from 'vitest/node'
import { buildWebIfStale } from '../start/build-web.ts'
import { removeFolder } from '../testbed/folders.ts'
import { provision } from '../testbed/provision.ts'
import { run } from '../testbed/run.ts'
import { countTests, lastLine, type Counts } from './counts.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ending = new AbortController()
listenToSignals()

// All temporary files of all tests stand below one folder, so that it can be removed whatever happens.
const temporary = await mkdtemp(join(tmpdir(), 'archiver-run-'))
await chmod(temporary, 0o755)
process.env['TMPDIR'] = temporary
// Servers and agents are started many times: each reads its sources as the first one compiled them.
process.env['NODE_COMPILE_CACHE'] = join(temporary, 'compiled')

const args = process.argv.slice(2)
const total: Counts = { passed: 0, failed: 0, skipped: 0 }
// What the machine lacks is fetched while the pages are built.
const [missing] = await Promise.all([provision(), step('The pages', () => buildWebIfStale(root, ending.signal))])
const images = args.length === 0 && missing.length === 0 ? buildImages() : undefined
try {
  const checked = args.length === 0 ? step('Lint and types', check) : undefined
  add(await runVitest(args))
  await checked
} finally {
  await images?.stop()
  await removeFolder(temporary)
}
if (missing.length > 0) console.error(`\n!!! This machine lacks ${missing.join(', ')}: what needs it was skipped.`)
if (ending.signal.aborted) console.error(`\nInterrupted by ${String(ending.signal.reason)}.`)
console.log(`\n${lastLine(total)}`)
process.exit(total.failed > 0 || total.passed === 0 || ending.signal.aborted ? 1 : 0)

/** Counts as one test. */
async function step(name: string, work: () => Promise<unknown>): Promise<void> {
  if (ending.signal.aborted) return
  const began = Date.now()
  try {
    await work()
    total.passed += 1
    console.log(`${name}: good (${((Date.now() - began) / 1000).toFixed(1)} s)`)
  } catch (error) {
    total.failed += 1
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** What goes wrong here is told by the test that needs them. */
function buildImages(): { stop(): Promise<unknown> } {
  const child = spawn(process.execPath, ['infra/test/build-images.ts'], { cwd: root, stdio: 'ignore' })
  const ended = new Promise((done) => child.on('error', done).on('exit', done))
  return {
    stop: () => {
      child.kill()
      return ended
    },
  }
}

/** Behind the tests, which mostly wait but must not be kept waiting. */
async function check(): Promise<void> {
  await run('nice', ['npm', 'run', 'check'], { signal: ending.signal })
}

async function runVitest(given: string[]): Promise<Counts> {
  if (ending.signal.aborted) return { passed: 0, failed: 0, skipped: 0 }
  const { filter, options } = parseCLI(['vitest', 'run', ...given])
  const vitest = await createVitest('test', { ...options, root, watch: false })
  listenToSignals()
  try {
    await Promise.race([vitest.start(filter), interrupted(() => vitest.cancelCurrentRun('keyboard-input'))])
    return countTests(vitest.state.getTestModules(), vitest.state.getUnhandledErrors().length)
  } catch (error) {
    console.error(error)
    return { passed: 0, failed: 1, skipped: 0 }
  } finally {
    await vitest.close()
  }
}

/** Alone: vitest exits on the spot when it hears one, leaving engine, database and folders behind. */
function listenToSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.removeAllListeners(signal)
    process.on(signal, () => ending.abort(signal))
  }
}

/** Settles 10 s after a signal: a test may take longer to notice, and what it started is ended all the same. */
async function interrupted(cancel: () => Promise<void>): Promise<void> {
  if (!ending.signal.aborted) await new Promise((done) => ending.signal.addEventListener('abort', done))
  await Promise.race([cancel(), sleep(10_000)])
}

function add(counts: Counts): void {
  total.passed += counts.passed
  total.failed += counts.failed
  total.skipped += counts.skipped
}

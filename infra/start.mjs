// The way in, for any Node from 18 on: installs what the lock file names, finds Node 24, runs a TypeScript file with it.
// Usage: node infra/start.mjs FILE.ts [arguments]
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const needed = 24

const [script, ...args] = process.argv.slice(2)
if (script === undefined) fail('Say which file to run: node infra/start.mjs FILE.ts')

if (!isInstalled()) install()
run(newEnoughNode(), [script, ...args])

/**
 * npm leaves a copy of what it installed in node_modules, written last; comparing it with the lock file takes
 * milliseconds, where asking npm takes seconds.
 */
function isInstalled() {
  const wanted = readLock(join(root, 'package-lock.json'))
  const found = readLock(join(root, 'node_modules', '.package-lock.json'))
  if (wanted === undefined) fail('package-lock.json is missing or cannot be read')
  if (found === undefined) return false
  return Object.entries(wanted).every(([path, { version, optional, peer, link }]) => {
    if (!path.startsWith('node_modules/') || link) return true
    const there = found[path]
    return there === undefined ? Boolean(optional || peer) : there.version === version
  })
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, peer?: boolean, link?: boolean }> | undefined}
 */
function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

function install() {
  console.log('Installing packages …')
  const npm = process.env['npm_execpath']
  const command = ['ci', '--include=dev', '--loglevel=error']
  // One native package may have to be compiled: on all cores.
  /** @type {import('node:child_process').SpawnSyncOptions} */
  const options = { cwd: root, stdio: 'inherit', env: { JOBS: 'max', ...process.env } }
  const { status, error } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...command], options)
    : spawnSync(['npm', ...command].join(' '), { ...options, shell: true })
  if (error || status !== 0) fail(`Packages could not be installed${error ? `: ${error.message}` : ', see above'}`)
}

/** The Node that runs this, if it is new enough, else the one that came as the npm package `node`. */
function newEnoughNode() {
  if (Number(process.versions.node.split('.')[0]) >= needed) return process.execPath
  const installed = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(installed)) return installed
  return fail(
    `Node ${needed} is needed, and this is ${process.version}. The npm package "node" brings it, but its install script ` +
      `did not run. Allow it with "npm rebuild node --ignore-scripts=false", or install Node ${needed}.`,
  )
}

/**
 * @param {string} node
 * @param {string[]} nodeArgs
 */
function run(node, nodeArgs) {
  const bin = join(root, 'node_modules', '.bin')
  const path = Object.keys(process.env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const env = { ...process.env, [path]: `${bin}${delimiter}${process.env[path] ?? ''}` }
  const child = spawn(node, nodeArgs, { cwd: root, stdio: 'inherit', env })
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal))
  }
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143)
  })
}

/**
 * @param {string} text
 * @returns {never}
 */
function fail(text) {
  console.error(text)
  process.exit(1)
}

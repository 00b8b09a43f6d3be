// Builds the pages when their sources changed since the last build.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { glob, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const stamp = join('web', 'build', '.sources')
const sources = ['web/**/*', 'db/domain/**/*', 'package-lock.json']
const outputs = /^web\/(build|node_modules|\.svelte-kit)(\/|$)|\.test\.ts$/

export async function buildWebIfStale(root: string, signal?: AbortSignal): Promise<void> {
  const now = await hashSources(root)
  const built = await readFile(join(root, stamp), 'utf8').catch(() => '')
  if (built === now) return
  console.log('Building the pages …')
  await build(root, signal)
  await writeFile(join(root, stamp), now)
}

async function hashSources(root: string): Promise<string> {
  const files: string[] = []
  const exclude = (name: string) => /^(build|node_modules|\.svelte-kit)$/.test(name)
  for await (const entry of glob(sources, {
    cwd: root,
    withFileTypes: true,
    exclude: (entry) => exclude(entry.name),
  })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
  }
  const hash = createHash('sha256')
  for (const file of files.sort()) {
    const path = file.slice(root.length).replaceAll('\\', '/')
    if (!outputs.test(path)) hash.update(`${path}\0`).update(await readFile(file))
  }
  return hash.digest('hex')
}

async function build(root: string, signal?: AbortSignal): Promise<void> {
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  const child = spawn(process.execPath, [vite, 'build'], {
    cwd: join(root, 'web'),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal ? { signal } : {}),
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => void (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => void (text += chunk.toString()))
  const code = await new Promise((done, failed) => child.on('error', failed).on('close', done))
  if (code !== 0) throw new Error(`The pages could not be built:\n${text}`)
}

// Compose stacks for tests.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { docker, dockerEnv } from './docker.ts'
import { temporaryFolder } from './folders.ts'
import { run } from './run.ts'

export interface TestStack extends AsyncDisposable {
  name: string
  /** The stack's directory. */
  folder: string
  /** The folder above it: what STACKS_DIRS names. */
  parent: string
}

export interface StackOptions {
  /** Name of the directory, so by default of the Compose project too. */
  name: string
  composeYaml: string
  /** Path below the stack's directory -> contents. */
  files?: Record<string, string | Buffer>
  /** Where to put it; a temporary folder when none is given. */
  parent?: string
}

/** Writes it; `composeUp` starts it. Released, it is taken down with its volumes and its directory is removed. */
export async function makeStack({ name, composeYaml, files = {}, parent }: StackOptions): Promise<TestStack> {
  const own = parent === undefined ? await temporaryFolder() : undefined
  const above = own?.path ?? parent ?? ''
  const folder = join(above, name)
  for (const [path, contents] of Object.entries({ 'compose.yaml': composeYaml, ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), contents)
  }
  return {
    name,
    folder,
    parent: above,
    async [Symbol.asyncDispose]() {
      await composeDown(folder)
      await rm(folder, { recursive: true, force: true })
      await own?.[Symbol.asyncDispose]()
    },
  }
}

/** `docker compose …` in the stack's directory. */
export async function compose(folder: string, ...args: string[]): Promise<string> {
  return await run('docker', ['compose', ...args], { cwd: folder, env: dockerEnv() })
}

export async function composeUp(folder: string, ...args: string[]): Promise<void> {
  await compose(folder, 'up', '-d', '--quiet-pull', ...args)
}

/**
 * Also works when the compose file is broken: then what carries the project's label is removed.
 * Containers are killed, not stopped: a test has no time for grace periods.
 */
export async function composeDown(folder: string): Promise<void> {
  const label = `label=com.docker.compose.project.working_dir=${folder}`
  const ids = await docker('ps', '-aq', '--filter', label)
  if (ids !== '') await docker('rm', '-fv', ...ids.split('\n'))
  await compose(folder, 'down', '--volumes', '--remove-orphans', '--timeout', '0').catch(() => {})
}

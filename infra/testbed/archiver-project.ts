// The shipped docker-compose.yml, running from images built here on stand-in base images.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../start/postgres.ts'
import { buildArchiverImages } from './archiver-images.ts'
import { docker, dockerEnv } from './docker.ts'
import { run } from './run.ts'
import { uniqueName } from './sample-stack.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface ArchiverProject extends AsyncDisposable {
  name: string
  url: string
  /** `docker compose …` of the project. */
  compose(...args: string[]): Promise<string>
  /** `docker compose up -d`, and waits until the page answers. */
  up(): Promise<void>
}

export interface ArchiverProjectOptions {
  /** A folder for the backups and for the override file. */
  folder: string
  stacksDir: string
  /** YAML beside docker-compose.yml, as people write it into docker-compose.override.yml. */
  override: string
}

/** Builds what changed; nothing of it runs before `up`. */
export async function makeArchiverProject(options: ArchiverProjectOptions): Promise<ArchiverProject> {
  const name = uniqueName('archiver-shipped')
  const images = await buildArchiverImages()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...dockerEnv(),
    // The test runner sets one of its own, and the file passes it on.
    BASE_URL: '',
    ...images,
    PORT: String(port),
    STACKS_DIR: options.stacksDir,
    ARCHIVES_DIR: join(options.folder, 'archives'),
    DOCKER_SOCKET: /^unix:\/\/(.+)/.exec(process.env['DOCKER_HOST'] ?? '')?.[1] ?? '/var/run/docker.sock',
    DOCKER_VOLUMES_DIR: join(await docker('info', '--format', '{{.DockerRootDir}}'), 'volumes'),
  }
  const override = join(options.folder, 'override.yml')
  await writeFile(override, options.override)
  // An .env that a developer keeps in the checkout must not help.
  const flags = ['-p', name, '--env-file', '/dev/null', '-f', join(root, 'docker-compose.yml'), '-f', override]
  const compose = (...args: string[]) => run('docker', ['compose', ...flags, ...args], { cwd: root, env })
  const down = () => compose('down', '--volumes', '--remove-orphans', '--timeout', '20')
  return {
    name,
    url,
    compose,
    async up() {
      try {
        await compose('up', '-d')
        await until('the server in its container', async () => (await fetch(`${url}/health`)).ok)
      } catch (cause) {
        throw new Error(`The project did not start:\n${await compose('logs', '--tail', '50')}`, { cause })
      }
    },
    [Symbol.asyncDispose]: async () => void (await down()),
  }
}

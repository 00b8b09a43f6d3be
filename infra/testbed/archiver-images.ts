// The images of docker-compose.yml, built from this checkout on stand-in base images.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dockerEnv } from './docker.ts'
import { cacheFolder } from './folders.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { run } from './run.ts'
import { makeStandIns } from './stand-ins.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Builds what changed since it was built last; returns the variables by which docker-compose.yml finds them. */
export async function buildArchiverImages(): Promise<Record<string, string>> {
  await mkdir(cacheFolder, { recursive: true })
  return await oneAtATime(join(cacheFolder, 'images.lock'), 900_000, async () => {
    const standIns = await makeStandIns()
    const images = {
      NODE_IMAGE: standIns.node,
      POSTGRES_IMAGE: standIns.postgres,
      SERVER_IMAGE: 'archiver-test/server',
      AGENT_IMAGE: 'archiver-test/agent',
    }
    // An .env that a developer keeps in the checkout must not help.
    const args = ['compose', '--env-file', '/dev/null', '-f', join(root, 'docker-compose.yml'), 'build', '--quiet']
    await run('docker', args, { cwd: root, env: { ...dockerEnv(), ...images } })
    return images
  })
}

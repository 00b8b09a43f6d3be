// Docker's client, speaking to the engine of the tests.
import { dockerConfig } from './folders.ts'
import { run } from './run.ts'

/** The machine's environment with the engine of the tests in it; DOCKER_HOST was set by the test run's setup. */
export function dockerEnv(): NodeJS.ProcessEnv {
  // The old builder: the new one is a plugin that distributions do not package everywhere.
  return { ...process.env, DOCKER_CONFIG: dockerConfig, DOCKER_BUILDKIT: '0' }
}

/** Runs `docker …` and returns what it printed, without the line end. */
export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { env: dockerEnv() })).trimEnd()
}

export interface InspectedContainer {
  Id: string
  Name: string
  State: { Status: string; Running: boolean; Paused: boolean; StartedAt: string; Health?: { Status: string } }
  Config: { Labels: Record<string, string> }
}

/** The containers of a Compose project, running or not, by service. */
export async function containersOf(project: string): Promise<Record<string, InspectedContainer>> {
  const ids = await docker('ps', '-aq', '--filter', `label=com.docker.compose.project=${project}`)
  if (ids === '') return {}
  const found = JSON.parse(await docker('inspect', ...ids.split('\n'))) as InspectedContainer[]
  return Object.fromEntries(found.map((one) => [one.Config.Labels['com.docker.compose.service'] ?? one.Name, one]))
}

// What the compose files resolve to, asked of Compose itself.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf } from 'db/domain/errors'
import { composeOptions, type ComposeProject } from './compose-command.ts'

const run = promisify(execFile)

export interface ComposeConfig {
  /** The resolved configuration as YAML; null when Compose could not give it. */
  text: string | null
  /** Names of the project's volumes as Docker knows them. */
  volumes: string[]
  /** Why it could not be resolved, in Compose's own words; empty when it was. */
  problem: string
  /** True when Compose could be asked and found the files wrong; false when it is not there to be asked. */
  broken: boolean
}

/**
 * Runs `docker compose config` in the stack's directory, with the files its containers were made from.
 * Services of inactive profiles are included: their volumes are the stack's too. Never throws.
 */
export async function composeConfig(project: ComposeProject): Promise<ComposeConfig> {
  const chosen = [...composeOptions(project), '--profile', '*', 'config']
  const settings = { cwd: project.directory, timeout: 30_000, maxBuffer: 16 * 1024 * 1024 }
  try {
    const [yaml, json] = await Promise.all([
      run('docker', chosen, settings),
      run('docker', [...chosen, '--format', 'json'], settings),
    ])
    const { volumes = {} } = JSON.parse(json.stdout) as { volumes?: Record<string, { name?: string } | null> }
    return {
      text: yaml.stdout,
      volumes: Object.entries(volumes).map(([key, volume]) => volume?.name ?? `${project.name}_${key}`),
      problem: '',
      broken: false,
    }
  } catch (error) {
    return { text: null, volumes: [], ...explain(error) }
  }
}

function explain(error: unknown): Pick<ComposeConfig, 'problem' | 'broken'> {
  const { code, stderr } = error as { code?: string | number; stderr?: string }
  if (code === 'ENOENT') return { problem: 'the docker command is not installed beside the agent', broken: false }
  if (stderr?.includes('is not a docker command') || stderr?.includes('unknown flag: --project-directory'))
    return { problem: 'Docker Compose is not installed beside the agent', broken: false }
  return { problem: stderr?.trim().split('\n').slice(-3).join(' ') || messageOf(error), broken: true }
}

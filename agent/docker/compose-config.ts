// What the compose files resolve to, asked of Compose itself.
import { execFile } from 'node:child_process'
import { isAbsolute } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from 'db/domain/errors'
import { composeOptions, type ComposeProject } from './compose-command.ts'

const run = promisify(execFile)

export interface ComposeConfig {
  /** The resolved configuration as YAML; null when Compose could not give it. */
  text: string | null
  /** Names of the project's volumes as Docker knows them. */
  volumes: string[]
  /** Of env_file, secrets and configs, absolute; those whose path a variable decides are not known. */
  files: string[]
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
    const [yaml, json, plain] = await Promise.all([
      run('docker', chosen, settings),
      run('docker', [...chosen, '--format', 'json'], settings),
      // what is resolved names no env_file any more
      run('docker', [...chosen, '--format', 'json', '--no-interpolate'], settings).catch(() => ({ stdout: '{}' })),
    ])
    const { volumes = {} } = JSON.parse(json.stdout) as { volumes?: Record<string, { name?: string } | null> }
    return {
      text: yaml.stdout,
      volumes: Object.entries(volumes).map(([key, volume]) => volume?.name ?? `${project.name}_${key}`),
      files: filesOf(JSON.parse(plain.stdout) as PlainConfig),
      problem: '',
      broken: false,
    }
  } catch (error) {
    return { text: null, volumes: [], files: [], ...explain(error) }
  }
}

interface PlainConfig {
  services?: Record<string, { env_file?: string | (string | { path: string })[] }>
  secrets?: Record<string, { file?: string }>
  configs?: Record<string, { file?: string }>
}

function filesOf({ services = {}, secrets = {}, configs = {} }: PlainConfig): string[] {
  const environment = Object.values(services)
    .flatMap(({ env_file = [] }) => env_file)
    .map((file) => (typeof file === 'string' ? file : file.path))
  const given = [...Object.values(secrets), ...Object.values(configs)].flatMap(({ file }) => file ?? [])
  return [...new Set([...environment, ...given])].filter((path) => isAbsolute(path) && !path.includes('$'))
}

function explain(error: unknown): Pick<ComposeConfig, 'problem' | 'broken'> {
  const { code, stderr } = error as { code?: string | number; stderr?: string }
  if (code === 'ENOENT') return { problem: 'the docker command is not installed beside the agent', broken: false }
  if (stderr?.includes('is not a docker command') || stderr?.includes('unknown flag: --project-directory'))
    return { problem: 'Docker Compose is not installed beside the agent', broken: false }
  return { problem: stderr?.trim().split('\n').slice(-3).join(' ') || messageOf(error), broken: true }
}

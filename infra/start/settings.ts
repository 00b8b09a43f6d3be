// What `npm start` itself reads of the environment; the rest is passed on to server and agent.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export interface StartSettings {
  port: number
  host: string
  /** Where people on this machine find the page. */
  address: string
  dataDir: string
  /** Undefined: PostgreSQL is started here. */
  databaseUrl: string | undefined
  hostName: string
}

/** `machineName` is the machine's own name, `root` the folder that relative paths begin at. */
export function readStartSettings(env: NodeJS.ProcessEnv, machineName: string, root: string): StartSettings {
  const port = Number(env['PORT'] || 8080)
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new Error(`PORT is "${env['PORT']}"; it has to be a number from 1 to 65535`)
  }
  const host = env['HOST'] || '0.0.0.0'
  const shown = ['0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return {
    port,
    host,
    address: `http://${shown}:${port}`,
    dataDir: resolve(root, env['DATA_DIR'] || 'data'),
    databaseUrl: readDatabaseUrl(env),
    hostName: env['HOST_NAME'] || toHostName(machineName),
  }
}

function readDatabaseUrl(env: NodeJS.ProcessEnv): string | undefined {
  const file = env['DATABASE_URL_FILE']
  const url = file ? readFileSync(file, 'utf8').trim() : env['DATABASE_URL']
  if (!url) return undefined
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Error('DATABASE_URL has to look like postgres://user:password@machine:5432/database')
  }
  return url
}

/** A machine's name, made to fit where hosts are named: `Büro PC.local` becomes `b-ro-pc.local`. */
export function toHostName(machineName: string): string {
  const name = machineName.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-')
  return name.replace(/^[^a-z0-9]+/, '').slice(0, 40) || 'host'
}

/** The address under which the agent of a host logs in: the server's own, with the host's role. */
export function agentDatabaseUrl(databaseUrl: string, hostName: string, password: string): string {
  const url = new URL(databaseUrl)
  url.username = `archiver_host_${hostName}`
  url.password = password
  return url.href
}

const serverOnly = ['SECRET_KEY', 'ADMIN_USERNAME', 'ADMIN_EMAIL', 'ADMIN_PASSWORD', 'API_TOKEN', 'AGENT_PASSWORD']
const replaced = ['DATABASE_URL']

/** The environment without the secrets that are the server's alone, and without what is set anew. */
export function withoutServerSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const left = new Set([...serverOnly, ...replaced].flatMap((name) => [name, `${name}_FILE`]))
  return Object.fromEntries(Object.entries(env).filter(([name]) => !left.has(name)))
}

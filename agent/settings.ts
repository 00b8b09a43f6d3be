// What the agent is told by its environment, read once.
import { readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'

export interface Settings {
  databaseUrl: string
  /** The agent's own files: the journal. */
  stateDir: string
  archivesDir: string
  /** Files packed for downloads. */
  downloadsDir: string
  /** Of a stack's backups, as many may be deleted by one task, whatever the server says. */
  maxDeleteShare: number
  /** Days that anything stays in the trash at least, whatever the server says. */
  trashMinDays: number
  /** Folders to scan for stacks; only read when the agent is not in a container. */
  stacksDirs: string[]
  logLevel: string
}

const environment = z.object({
  DATABASE_URL: z.string().min(1, 'is required: postgres://archiver_host_<host>:<password>@<server>/archiver'),
  DATA_DIR: z.string().default('./data'),
  ARCHIVES_DIR: z.string().optional(),
  DOWNLOADS_DIR: z.string().optional(),
  MAX_DELETE_SHARE: z.coerce.number('has to be a number from 0 to 1').min(0).max(1).default(0.5),
  TRASH_MIN_DAYS: z.coerce.number('has to be a number of days').min(0).default(1),
  STACKS_DIRS: z.string().default(''),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
})

/** Throws with one line for each setting that is wrong. `DATABASE_URL_FILE` names a file that holds the URL. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const databaseUrl = env['DATABASE_URL_FILE']
    ? readFileSync(env['DATABASE_URL_FILE'], 'utf8').trim()
    : env['DATABASE_URL']
  const parsed = environment.safeParse({ ...withoutEmpty(env), DATABASE_URL: databaseUrl ?? '' })
  if (!parsed.success)
    throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('\n'))
  const { DATA_DIR, ARCHIVES_DIR, DOWNLOADS_DIR, STACKS_DIRS, LOG_LEVEL, DATABASE_URL } = parsed.data
  const stacksDirs = STACKS_DIRS.split(',')
    .map((folder) => folder.trim())
    .filter(Boolean)
  const relative = stacksDirs.find((folder) => !isAbsolute(folder))
  if (relative) throw new Error(`STACKS_DIRS names "${relative}"; each folder has to be an absolute path`)
  return {
    databaseUrl: DATABASE_URL,
    stateDir: resolve(DATA_DIR, 'agent'),
    archivesDir: resolve(ARCHIVES_DIR ?? join(DATA_DIR, 'archives')),
    downloadsDir: resolve(DOWNLOADS_DIR ?? join(DATA_DIR, 'downloads')),
    maxDeleteShare: parsed.data.MAX_DELETE_SHARE,
    trashMinDays: parsed.data.TRASH_MIN_DAYS,
    stacksDirs: stacksDirs.map((folder) => resolve(folder)),
    logLevel: LOG_LEVEL,
  }
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
}

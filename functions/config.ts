// What the environment asks for, read once at start. Every problem is named at once, in words.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { messageOf } from 'db/domain/errors'
import * as z from 'zod'

const secrets = ['DATABASE_URL', 'SECRET_KEY', 'ADMIN_PASSWORD', 'API_TOKEN', 'AGENT_PASSWORD'] as const
/** Shared by the setup page and the environment. */
export const usernamePattern = /^[a-zA-Z0-9_.-]{3,30}$/
export const passwordLength = { min: 8, max: 128 } as const
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const settings = z
  .object({
    PORT: z.coerce
      .number(wholeNumber('PORT'))
      .int(wholeNumber('PORT'))
      .min(0, 'PORT is below 0')
      .max(65535, 'PORT is above 65535')
      .default(8080),
    HOST: z.string().default('0.0.0.0'),
    DATABASE_URL: z
      .string(
        'DATABASE_URL is missing: set it to the address of a PostgreSQL database, postgres://user:password@host:5432/name',
      )
      .regex(/^postgres(ql)?:\/\//, 'DATABASE_URL does not begin with postgres://')
      .refine(
        (text) => URL.canParse(text),
        'DATABASE_URL is not a URL; letters such as @ : / # in its password must be written as %40 %3A %2F %23',
      ),
    SECRET_KEY: z
      .string('SECRET_KEY is missing: set it to a random text, for example the output of "openssl rand -hex 32"')
      .min(32, 'SECRET_KEY is shorter than 32 characters: make one with "openssl rand -hex 32"'),
    BASE_URL: z
      .string()
      .refine(
        isOrigin,
        'BASE_URL is not an address as people type it, such as https://backup.example.org (no path after it)',
      )
      .transform((text) => new URL(text).origin)
      .optional(),
    TRANSFER_URL: z
      .string()
      .refine(
        isOrigin,
        'TRANSFER_URL is not an address by which agents reach this very server, such as http://server:8080 (no path after it)',
      )
      .transform((text) => new URL(text).origin)
      .optional(),
    DOWNLOADS_AUTO_GENERATE_ON_ACCESS: yesOrNo('DOWNLOADS_AUTO_GENERATE_ON_ACCESS'),
    DOWNLOADS_AUTO_GENERATE_ON_STARTUP: yesOrNo('DOWNLOADS_AUTO_GENERATE_ON_STARTUP'),
    TRUSTED_PROXIES: z
      .string()
      .default('127.0.0.0/8,::1')
      .transform((text) => text.split(',').map((part) => part.trim()))
      .refine(
        (ranges) => ranges.every(isAddressRange),
        'TRUSTED_PROXIES is not a list of addresses and ranges, separated by commas, such as 172.16.0.0/12,10.0.0.5',
      ),
    TZ: z
      .string()
      .refine(isTimeZone, 'TZ is not a time zone such as Europe/Berlin')
      .default(() => Intl.DateTimeFormat().resolvedOptions().timeZone),
    LOG_LEVEL: z.enum(levels, `LOG_LEVEL is none of ${levels.join(', ')}`).default('info'),
    ADMIN_USERNAME: z
      .string()
      .regex(usernamePattern, 'ADMIN_USERNAME is not 3 to 30 letters, digits, dots, dashes and underscores')
      .optional(),
    ADMIN_EMAIL: z.email('ADMIN_EMAIL is not an e-mail address').optional(),
    ADMIN_PASSWORD: z
      .string()
      .min(passwordLength.min, `ADMIN_PASSWORD is shorter than ${passwordLength.min} characters`)
      .max(passwordLength.max, `ADMIN_PASSWORD is longer than ${passwordLength.max} characters`)
      .optional(),
    API_TOKEN: z
      .string()
      .min(32, 'API_TOKEN is shorter than 32 characters: make one with "openssl rand -hex 32"')
      .optional(),
    HOST_NAME: z
      .string()
      .regex(
        /^[a-z0-9][a-z0-9._-]{0,39}$/,
        'HOST_NAME is not up to 40 small letters, digits, dots, dashes and underscores, beginning with a letter or digit',
      )
      .optional(),
    AGENT_PASSWORD: z.string().min(16, 'AGENT_PASSWORD is shorter than 16 characters').optional(),
  })
  .superRefine((given, context) => {
    const incomplete = (names: (keyof typeof given)[]) => {
      const missing = names.filter((name) => given[name] === undefined)
      if (missing.length > 0 && missing.length < names.length) {
        context.addIssue({
          code: 'custom',
          message: `${names.join(', ')} belong together; missing: ${missing.join(', ')}`,
        })
      }
    }
    incomplete(['ADMIN_USERNAME', 'ADMIN_EMAIL', 'ADMIN_PASSWORD'])
    incomplete(['HOST_NAME', 'AGENT_PASSWORD'])
  })

export interface Config {
  port: number
  host: string
  databaseUrl: string
  secretKey: string
  /** The origin people use, without a slash at its end; undefined: whatever name they reach us by. */
  baseUrl: string | undefined
  /** Where agents bring the bytes of downloads: this very server's own address, past any proxy that shares out requests. */
  transferUrl: string | undefined
  /** Whether folder backups are packed for a link without being asked: when it is opened, when the server starts. */
  autoGenerate: { onAccess: boolean; onStartup: boolean }
  /** Addresses and ranges whose X-Forwarded-For is believed. */
  trustedProxies: string[]
  timeZone: string
  logLevel: (typeof levels)[number]
  /** The admin to make when there is no user. */
  admin: { username: string; email: string; password: string } | undefined
  apiToken: string | undefined
  /** The host whose agent is shipped beside this server. */
  agent: { name: string; password: string } | undefined
}

/** Thrown by `readConfig`; `problems` holds one sentence each, none of which repeats a secret. */
export class BadConfig extends Error {
  override name = 'BadConfig'
  readonly problems: string[]
  constructor(problems: string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Throws BadConfig. A variable set to the empty text counts as not set, as Compose files write it. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const { values, problems } = withSecretFiles(environment)
  const read = settings.safeParse(values)
  if (!read.success) problems.push(...read.error.issues.map((issue) => issue.message))
  if (!read.success || problems.length > 0) throw new BadConfig([...new Set(problems)])

  const { ADMIN_USERNAME, ADMIN_EMAIL, ADMIN_PASSWORD, HOST_NAME, AGENT_PASSWORD, ...given } = read.data
  return {
    port: given.PORT,
    host: given.HOST,
    databaseUrl: given.DATABASE_URL,
    secretKey: given.SECRET_KEY,
    baseUrl: given.BASE_URL,
    transferUrl: given.TRANSFER_URL,
    autoGenerate: {
      onAccess: given.DOWNLOADS_AUTO_GENERATE_ON_ACCESS,
      onStartup: given.DOWNLOADS_AUTO_GENERATE_ON_STARTUP,
    },
    trustedProxies: given.TRUSTED_PROXIES,
    timeZone: given.TZ,
    logLevel: given.LOG_LEVEL,
    apiToken: given.API_TOKEN,
    admin:
      ADMIN_USERNAME && ADMIN_EMAIL && ADMIN_PASSWORD
        ? { username: ADMIN_USERNAME, email: ADMIN_EMAIL, password: ADMIN_PASSWORD }
        : undefined,
    agent: HOST_NAME && AGENT_PASSWORD ? { name: HOST_NAME, password: AGENT_PASSWORD } : undefined,
  }
}

function withSecretFiles(environment: Record<string, string | undefined>) {
  const values = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const problems: string[] = []
  for (const name of secrets) {
    const file = values[`${name}_FILE`]
    if (file === undefined) continue
    if (values[name] !== undefined) problems.push(`${name} and ${name}_FILE are both set: keep one`)
    try {
      values[name] = readFileSync(file, 'utf8').trimEnd()
    } catch (error) {
      problems.push(`${name}_FILE cannot be read: ${messageOf(error)}`)
      values[name] ??= undefined
    }
  }
  return { values, problems }
}

function wholeNumber(name: string): string {
  return `${name} is not a whole number`
}

function yesOrNo(name: string) {
  return z
    .enum(['true', 'false', '1', '0', 'yes', 'no'], `${name} is neither true nor false`)
    .default('false')
    .transform((text) => ['true', '1', 'yes'].includes(text))
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash && !url.username
}

function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

export function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}

// Who people are: better-auth holds users, passwords, sessions and tokens, in the schema `auth`.
import { apiKey } from '@better-auth/api-key'
import { betterAuth } from 'better-auth'
import { admin, createAccessControl, username } from 'better-auth/plugins'
import { adminAc, defaultStatements } from 'better-auth/plugins/admin/access'
import type pg from 'pg'
import type { Logger } from 'pino'
import { passwordLength, usernamePattern, type Config } from './config.ts'
import { ownOrigins } from './middleware/origin.ts'

/** With BASE_URL on https its name begins with `__Secure-`. */
export const sessionCookie = 'better-auth.session_token'

/** In seconds. */
export const sessionLife = { seconds: 7 * 24 * 3600, renewAfter: 24 * 3600 } as const

export type Auth = ReturnType<typeof makeAuth>

/** `pool` must look into the schema `auth` first. */
export function makeAuth(config: Pick<Config, 'secretKey' | 'baseUrl'>, pool: pg.Pool, log: Logger) {
  const access = createAccessControl(defaultStatements)
  const mayNothing = access.newRole({ user: [], session: [] })
  return betterAuth({
    appName: 'Docker Archiver',
    database: pool,
    secret: config.secretKey,
    // only its path counts when no BASE_URL is set: people reach us by any name of this machine
    baseURL: config.baseUrl ?? 'http://localhost',
    basePath: '/api/auth',
    trustedOrigins: (request) => (request ? ownOrigins(request, config.baseUrl) : []),
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: passwordLength.min,
      maxPasswordLength: passwordLength.max,
      revokeSessionsOnPasswordReset: true,
    },
    // an open page renews it; one left alone for a week signs out
    session: { expiresIn: sessionLife.seconds, updateAge: sessionLife.renewAfter },
    // sign-in is slowed down by middleware/throttle.ts: this one counts successes too, and only within one process
    rateLimit: { enabled: false },
    advanced: {
      useSecureCookies: config.baseUrl?.startsWith('https:') ?? false,
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax' },
      ipAddress: { disableIpTracking: true },
      database: { validateSchema: false },
    },
    telemetry: { enabled: false },
    // thrown to problems.ts, which tells and logs them like all others
    onAPIError: { throw: true },
    logger: { log: (level, message) => log[level === 'error' ? 'warn' : 'debug']({ from: 'better-auth' }, message) },
    plugins: [
      username({
        minUsernameLength: 3,
        maxUsernameLength: 30,
        usernameValidator: (name) => usernamePattern.test(name),
      }),
      admin({
        ac: access,
        roles: { viewer: mayNothing, operator: mayNothing, admin: access.newRole(adminAc.statements) },
        defaultRole: 'viewer',
        adminRoles: ['admin'],
      }),
      apiKey({
        rateLimit: { enabled: false },
        defaultPrefix: 'archiver_',
        maximumNameLength: 100,
        keyExpiration: { maxExpiresIn: 3650 },
        // a token is no session: better-auth's own routes never accept one (middleware/session.ts)
        enableSessionForAPIKeys: false,
      }),
    ],
  })
}

// What every route is given.
import type { Sql } from 'db/connect'
import type { Logger } from 'pino'
import type { Auth } from './auth.ts'
import type { Config } from './config.ts'
import type { Live } from './live.ts'
import type { Transfers } from './transfers.ts'
import type { Role } from 'db/domain/role'

export interface Server {
  config: Pick<Config, 'autoGenerate' | 'baseUrl' | 'timeZone' | 'apiToken' | 'trustedProxies' | 'secretKey' | 'port'>
  version: string
  sql: Sql
  auth: Auth
  live: Live
  /** Bytes that agents bring to this very process. */
  transfers: Transfers
  log: Logger
  /** Aborted when the server stops: streams that never end by themselves end then. */
  stopping: AbortSignal
  /** What is wrong with the parts of this process that no request would notice. */
  ailments(): string[]
}

export interface User {
  id: string
  username: string
  email: string
  /** What this very request may do: the user's role, narrowed by the token's where one was used. */
  role: Role
}

export interface Env {
  Variables: {
    user: User
    byToken: boolean
    /** Of the browser that asks; undefined for a token. */
    sessionId: string | undefined
    /** Of whoever asks, as far as it is known (middleware/address.ts). */
    address: string
  }
}

// A pool of connections to Postgres, with the types this product's rows use.
import postgres from 'postgres'

export type Sql = ReturnType<typeof connect>
/** What a pool and a transaction have in common. */
export type Query = postgres.ISql<{ bigint: number }>

export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  name: string
  max?: number
}

/**
 * Opens a pool; connections are made when they are needed. Whoever calls this ends it with `sql.end()`.
 * bigint columns are read as numbers: ids and bytes stay far below 2^53.
 */
export function connect(url: string, options: ConnectOptions) {
  return postgres(url, {
    max: options.max ?? 10,
    connect_timeout: 10,
    connection: { application_name: options.name, TimeZone: 'UTC' },
    onnotice: () => {},
    types: {
      bigint: { to: 20, from: [20], parse: Number, serialize: String },
    },
  })
}

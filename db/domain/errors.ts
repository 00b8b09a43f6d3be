// The few errors that have a meaning to a caller. Everything else is a defect.
// functions maps them to HTTP in one place; SQL raises them by the codes below (db/migrations).

/** What was asked for does not exist. */
export class NotFound extends Error {
  override name = 'NotFound'
}

/** What was asked for contradicts the present state: a taken name, a job that still runs. `field`: the input that does. */
export class Conflict extends Error {
  override name = 'Conflict'
  readonly field: string | undefined
  constructor(message: string, options: ErrorOptions & { field?: string } = {}) {
    super(message, options)
    this.field = options.field
  }
}

/** The input itself is wrong. `field` names the input it is about, as the caller spelt it. */
export class Invalid extends Error {
  override name = 'Invalid'
  readonly field: string | undefined
  constructor(message: string, field?: string) {
    super(message)
    this.field = field
  }
}

/** Something we depend on does not answer: Docker, the database, a host's agent. */
export class Unreachable extends Error {
  override name = 'Unreachable'
}

/** A newer instance of this host's agent has started; this one has to stop. */
export class StaleEpoch extends Error {
  override name = 'StaleEpoch'
}

const raisedBySql: Record<string, new (message: string) => Error> = {
  AR404: NotFound,
  AR409: Conflict,
  AR422: Invalid,
  AR410: StaleEpoch,
}

/** Turns an error that an `archiver.*` function raised into its class; any other error passes unchanged. */
export function fromSql(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  const Known = raisedBySql[String(error.code)]
  return Known ? Object.assign(new Known(error.message), { cause: error }) : error
}

/** The message of anything that was thrown, with the messages of its causes. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join('; ')
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`
}

// The one place where errors become answers: RFC 9457 problem details, in words that say what to do.
import { z } from '@hono/zod-openapi'
import { isAPIError } from 'better-auth/api'
import { Conflict, fromSql, Invalid, messageOf, NotFound, Unreachable } from 'db/domain/errors'
import type { Context, ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Logger } from 'pino'

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), detail: z.string() })).optional(),
  })
  .openapi('Problem', {
    description:
      'What went wrong, as RFC 9457 problem details. `detail` is a text for people; `errors` names the fields.',
    example: {
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      detail: 'There is already an archive named "nightly"',
    },
  })

export interface ProblemText {
  detail: string
  errors?: { field: string; detail: string }[]
}

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
}

export function problem(
  c: Context,
  status: ContentfulStatusCode,
  text: ProblemText,
  headers: Record<string, string> = {},
) {
  const body = { type: 'about:blank', title: titles[status] ?? 'Error', status, ...text }
  return c.body(JSON.stringify(body), status, { 'Content-Type': 'application/problem+json', ...headers })
}

/** For `onError`: known errors keep their words, an unknown one is logged and told as ours. */
export function answerErrors(log: Logger): ErrorHandler {
  return (thrown, c) => {
    const error = fromSql(thrown)
    if (error instanceof NotFound) return problem(c, 404, { detail: error.message })
    if (error instanceof Conflict || error instanceof Invalid) {
      const errors = error.field === undefined ? {} : { errors: [{ field: error.field, detail: error.message }] }
      return problem(c, error instanceof Conflict ? 409 : 422, { detail: error.message, ...errors })
    }
    if (error instanceof Unreachable) return problem(c, 503, { detail: error.message }, { 'Retry-After': '5' })
    if (error instanceof HTTPException)
      return problem(c, error.status as ContentfulStatusCode, { detail: wordsFor(error) })
    if (isAPIError(error) && error.statusCode < 500) {
      return problem(c, error.statusCode as ContentfulStatusCode, { detail: error.body?.message ?? error.message })
    }
    if (isUnreachableDatabase(error)) {
      log.warn({ error: messageOf(error) }, 'the database does not answer')
      const detail =
        'The database does not answer. Try again in a moment; if this was a change, look first whether it was made.'
      return problem(c, 503, { detail }, { 'Retry-After': '5' })
    }
    if (isRefusedValue(error)) {
      log.warn({ error: messageOf(error), path: c.req.path }, 'the database refused a value')
      return problem(c, 422, { detail: `The database refused a value: ${messageOf(error)}` })
    }
    log.error({ err: error, method: c.req.method, path: c.req.path }, 'a request failed')
    return problem(c, 500, {
      detail: 'This is a defect in Docker Archiver. Its log has the details, beside this time and path.',
    })
  }
}

/** For `defaultHook`: what zod found wrong. A path that cannot name anything is not found; the rest names its fields. */
export function answerInvalid(
  result: { target: string; success: boolean; error?: z.core.$ZodError | undefined },
  c: Context,
): Response | undefined {
  if (result.success || !result.error) return undefined
  if (result.target === 'param') return problem(c, 404, { detail: `There is nothing at ${c.req.path}` })
  const errors = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: key, detail: 'This field is not known' }))
      : [{ field: issue.path.join('.'), detail: issue.message }],
  )
  const first = errors.map(({ field, detail }) => (field ? `${field}: ${detail}` : detail)).join('; ')
  return problem(c, 422, { detail: first, errors })
}

function wordsFor(error: HTTPException): string {
  if (error.status === 400) return 'The body is not JSON that can be read'
  if (error.status === 415) return 'The body must be JSON: send the header Content-Type: application/json'
  return error.message
}

/** Postgres is gone, going, starting or full; or the connection broke on the way. */
export function isUnreachableDatabase(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (/^(08|53|57P|CONNECT|CONNECTION_|ECONN|EPIPE|ENOTFOUND|EAI_|EHOSTUNREACH|ETIMEDOUT)/.test(code)) return true
  if (
    /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
      error.message,
    )
  )
    return true
  if (error instanceof AggregateError && error.errors.some(isUnreachableDatabase)) return true
  return isUnreachableDatabase(error.cause)
}

/** Class 22: a value no column can hold, such as a text with a NUL character. 23514: a table's own rule. */
function isRefusedValue(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(22...|23514)$/.test(String(error.code))
}

// A refused or failed request, in the words the API gave for it.
import { words } from './words.ts'

export class Problem extends Error {
  override name = 'Problem'
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  /** Texts by the field they are about. */
  readonly fields: Record<string, string>
  /** Seconds after which it may be tried again; null where that was not said. */
  readonly retryAfter: number | null
  constructor(message: string, status: number, fields: Record<string, string> = {}, retryAfter: number | null = null) {
    super(message)
    this.status = status
    this.fields = fields
    this.retryAfter = retryAfter
  }
}

/** Reads RFC 9457 problem details, and the `{message}` that the sign-in routes answer with. */
export function problemFrom(status: number, body: unknown, retryAfter: string | null = null): Problem {
  const { detail, title, message, errors } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  const text = [detail, message, title].find((part) => typeof part === 'string' && part !== '')
  const fields: Record<string, string> = {}
  for (const error of Array.isArray(errors) ? errors : []) {
    if (typeof error?.field === 'string' && typeof error?.detail === 'string') fields[error.field] ??= error.detail
  }
  return new Problem(
    (text as string | undefined) ?? words.problem.status(status),
    status,
    fields,
    Number(retryAfter) || null,
  )
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof TypeError) return new Problem(words.problem.unreachable, 0)
  return new Problem(error instanceof Error ? error.message : String(error), 0)
}

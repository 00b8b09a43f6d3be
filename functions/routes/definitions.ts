// Pieces that route definitions are made of.
import { z } from '@hono/zod-openapi'
import { roles } from 'db/domain/role'

export function json<Schema extends z.ZodType>(schema: Schema, description: string, example: unknown) {
  return { description, content: { 'application/json': { schema, example } } }
}

export function body<Schema extends z.ZodType>(schema: Schema, example: unknown) {
  return { required: true, content: { 'application/json': { schema, example } } }
}

/** Without one, what is valid is an empty object. */
export function optionalBody<Schema extends z.ZodType>(schema: Schema, example: unknown) {
  return { required: false, content: { 'application/json': { schema, example } } }
}

export const Role = z.enum(roles, `role must be one of ${roles.join(', ')}`)

/** An id in a path. What is no id of any row names nothing: 404, not 422. */
export function pathId(most: number) {
  return z.object({ id: idText(most).openapi({ type: 'integer', example: 3 }) })
}

/** Of hosts, stacks and archives. */
export const smallId = 2 ** 31 - 1
/** Of jobs and backups; beyond it numbers are no longer exact. */
export const largeId = Number.MAX_SAFE_INTEGER

const digits = z.string().regex(/^[0-9]{1,16}$/, 'must be a whole number')

function idText(most: number) {
  return digits.transform(Number).pipe(z.number().min(1).max(most))
}

/** An id to filter by; no row has one beyond the range, which is an empty list and no error. */
export function filterId(most: number, what: string) {
  return digits
    .transform((text) => Math.min(Number(text), most))
    .optional()
    .openapi({ type: 'integer', description: `Only those of this ${what}`, example: 3 })
}

export function limit(usual: number, most: number) {
  return digits
    .transform(Number)
    .pipe(z.number().min(1, 'must be 1 or more').max(most, `must be ${most} or less`))
    .optional()
    .transform((number) => number ?? usual)
    .openapi({
      type: 'integer',
      description: `At most so many; usually ${usual}, never more than ${most}`,
      example: usual,
    })
}

export const cursor = digits
  .transform(Number)
  .optional()
  .openapi({ type: 'string', description: 'The `next_cursor` of the page before', example: '41' })

/** Splits what was read with one row more than asked for. */
export function page<Row extends { id: number }>(
  rows: Row[],
  size: number,
): { rows: Row[]; next_cursor: string | null } {
  const shown = rows.slice(0, size)
  return { rows: shown, next_cursor: rows.length > size ? String(shown.at(-1)?.id) : null }
}

/** A text for a column: Postgres stores no NUL. */
export const text = z.string().refine((value) => !value.includes('\0'), 'must not contain NUL characters')
export const time = z.iso.datetime().openapi({ example: '2026-11-23T01:00:00.000Z' })

// How an answer becomes rows, or a Problem.
import type { ClientResponse } from 'hono/client'
import { asProblem, problemFrom } from '../problem.ts'

/** The rows of the answer. Throws a Problem when it was refused, or none came. */
export async function answer<T>(asked: Promise<ClientResponse<T>>): Promise<T> {
  const response = await answered(asked)
  return (await response.json()) as T
}

/** As `answer`, where nothing is answered but that it was done. */
export async function answered<R extends Pick<Response, 'ok' | 'status' | 'json' | 'headers'>>(
  asked: Promise<R>,
): Promise<R> {
  let response: R
  try {
    response = await asked
  } catch (error) {
    throw asProblem(error)
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}))
    throw problemFrom(response.status, body, response.headers.get('retry-after'))
  }
  return response
}

/** Query parameters are texts; those that are not given are left out. */
export function texts<Filter extends Record<string, string | number | boolean | undefined>>(filter: Filter) {
  const given = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  return Object.fromEntries(given) as { [Name in keyof Filter]?: string }
}

export const param = (id: number) => ({ id: String(id) })

// Every request the pages make. Answers are rows as the API sends them; anything else is thrown as a Problem.
import type { JobStatus } from 'db/domain/job'
import type { ClientResponse, InferRequestType } from 'hono/client'
import { client } from './client.ts'
import { asProblem, problemFrom } from './problem.ts'
import type { ArchiveBody } from './rows.ts'

const { api } = client
type JobQuery = InferRequestType<typeof api.jobs.$get>['query']

async function answer<T>(asked: Promise<ClientResponse<T>>): Promise<T> {
  const response = await answered(asked)
  return (await response.json()) as T
}

async function answered<R extends Pick<Response, 'ok' | 'status' | 'json'>>(asked: Promise<R>): Promise<R> {
  let response: R
  try {
    response = await asked
  } catch (error) {
    throw asProblem(error)
  }
  if (!response.ok) throw problemFrom(response.status, await response.json().catch(() => ({})))
  return response
}

/** Query parameters are texts; those that are not given are left out. */
function texts<Filter extends Record<string, string | number | undefined>>(filter: Filter) {
  const given = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  return Object.fromEntries(given) as { [Name in keyof Filter]?: string }
}

const param = (id: number) => ({ id: String(id) })

/** The sign-in routes are better-auth's own and have no types here. */
const auth = (path: string, body: object) =>
  answered(
    fetch(`/api/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  )

export const setup = {
  needed: async () => (await answer(api.setup.$get())).needed,
  createAdmin: (json: { username: string; email: string; password: string }) => answer(api.setup.$post({ json })),
}

export const session = {
  me: () => answer(api.me.$get()),
  signIn: (credentials: { username: string; password: string }) => auth('sign-in/username', credentials),
  signOut: () => auth('sign-out', {}),
}

export const hosts = {
  list: async () => (await answer(api.hosts.$get())).hosts,
  create: (name: string) => answer(api.hosts.$post({ json: { name } })),
}

export const stacks = {
  list: async () => (await answer(api.stacks.$get({ query: {} }))).stacks,
}

export const archives = {
  list: async () => (await answer(api.archives.$get())).archives,
  get: async (id: number) => (await answer(api.archives[':id'].$get({ param: param(id) }))).archive,
  create: async (json: ArchiveBody) => (await answer(api.archives.$post({ json }))).archive,
  update: async (id: number, json: ArchiveBody) =>
    (await answer(api.archives[':id'].$patch({ param: param(id), json }))).archive,
  remove: (id: number) => answered(api.archives[':id'].$delete({ param: param(id), query: {} })),
  run: async (id: number) => (await answer(api.archives[':id'].run.$post({ param: param(id) }))).job_id,
}

export const jobs = {
  list: (filter: {
    archive_id?: number | undefined
    stack_id?: number | undefined
    status?: JobStatus | undefined
    limit?: number
    cursor?: string | undefined
  }) => answer(api.jobs.$get({ query: texts(filter) as JobQuery })),
  get: (id: number) => answer(api.jobs[':id'].$get({ param: param(id) })),
  cancel: (id: number) => answer(api.jobs[':id'].cancel.$post({ param: param(id) })),
}

/** @public Used as `api.backups` in pages, which knip does not see. */
export const backups = {
  list: (filter: {
    stack_id?: number | undefined
    archive_id?: number | undefined
    job_id?: number | undefined
    limit?: number
    cursor?: string | undefined
  }) => answer(api.backups.$get({ query: texts(filter) })),
}

// Jobs.
import type { InferRequestType } from 'hono/client'
import { client } from '../client.ts'
import type { LogFilter } from '../log-lines.ts'
import type { Job } from '../rows.ts'
import { answer, param, texts } from './request.ts'

const { api } = client
type JobQuery = InferRequestType<typeof api.jobs.$get>['query']
type LogQuery = InferRequestType<(typeof api.jobs)[':id']['log']['places']['$get']>['query']

export const jobs = {
  list: (filter: {
    archive_id?: number | undefined
    stack_id?: number | undefined
    host_id?: number | undefined
    type?: Job['job_type'] | undefined
    status?: Job['status'] | undefined
    triggered_by?: Job['triggered_by'] | undefined
    is_dry_run?: boolean | undefined
    from?: string | undefined
    to?: string | undefined
    search?: string | undefined
    limit?: number
    cursor?: string | undefined
  }) => answer(api.jobs.$get({ query: texts(filter) as JobQuery })),
  get: (id: number) => answer(api.jobs[':id'].$get({ param: param(id) })),
  logPlaces: (id: number, { after, ...filter }: LogFilter) =>
    answer(api.jobs[':id'].log.places.$get({ param: param(id), query: logQuery(filter, after) })),
  logTail: (id: number, { after, ...filter }: LogFilter, limit: number) =>
    answer(
      api.jobs[':id'].log.tail.$get({
        param: param(id),
        query: { ...logQuery(filter, after), limit: String(limit) },
      }),
    ),
  cancel: (id: number) => answer(api.jobs[':id'].cancel.$post({ param: param(id) })),
}

function logQuery(filter: Omit<LogFilter, 'after'>, after: number): LogQuery {
  return { ...(texts({ ...filter }) as LogQuery), last_line: String(after) }
}

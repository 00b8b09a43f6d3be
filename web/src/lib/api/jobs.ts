// Jobs.
import type { JobStatus } from 'db/domain/job'
import type { InferRequestType } from 'hono/client'
import { client } from '../client.ts'
import { answer, param, texts } from './request.ts'

const { api } = client
type JobQuery = InferRequestType<typeof api.jobs.$get>['query']

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

// Backups.
import { client } from '../client.ts'
import { answer, texts } from './request.ts'

const { api } = client

export const backups = {
  list: (filter: {
    stack_id?: number | undefined
    archive_id?: number | undefined
    job_id?: number | undefined
    limit?: number
    cursor?: string | undefined
  }) => answer(api.backups.$get({ query: texts(filter) })),
}

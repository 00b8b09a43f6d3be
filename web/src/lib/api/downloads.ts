// Links to backups.
import { client } from '../client.ts'
import { answer, answered, param, texts } from './request.ts'

const { api } = client

export const downloads = {
  list: (filter: { backup_id?: number | undefined; limit?: number; cursor?: string | undefined }) =>
    answer(api.downloads.$get({ query: texts(filter) })),
  /** Its address is told this once. */
  make: (backup_id: number, notify_emails: string[]) =>
    answer(api.downloads.request.$post({ json: { backup_id, notify_emails } })),
  mail: (id: number, emails: string[]) =>
    answered(api.downloads[':id'].send.$post({ param: param(id), json: { emails } })),
  remove: (id: number) => answered(api.downloads[':id'].$delete({ param: param(id) })),
}

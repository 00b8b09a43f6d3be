// Backups, and the work people ask for on them; what names several is done to all of them or to none.
import type { InferRequestType } from 'hono/client'
import { client } from '../client.ts'
import type { BackupFilter } from '../rows.ts'
import { answer, param, texts } from './request.ts'

const { api } = client
type Query = InferRequestType<typeof api.backups.$get>['query']

export const backups = {
  list: (filter: BackupFilter & { limit?: number; cursor?: string | undefined }) =>
    answer(api.backups.$get({ query: texts(filter) as Query })),
  totals: (filter: BackupFilter) => answer(api.backups.totals.$get({ query: texts(filter) as Query })),
  get: async (id: number) => (await answer(api.backups[':id'].$get({ param: param(id) }))).backup,
  facts: async (id: number) => (await answer(api.backups[':id'].facts.$get({ param: param(id) }))).facts,
  verify: (ids: number[]) => answer(api.backups.verify.$post({ json: { ids } })),
  pin: (ids: number[], pinned: boolean) => answer(api.backups.pin.$post({ json: { ids, pinned } })),
  remove: (ids: number[]) => answer(api.backups.delete.$post({ json: { ids } })),
  undelete: (ids: number[]) => answer(api.backups.undelete.$post({ json: { ids } })),
  acknowledge: (id: number) => answer(api.backups[':id'].acknowledge.$post({ param: param(id) })),
}

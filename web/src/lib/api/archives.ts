// Archives, and running them.
import { client } from '../client.ts'
import type { ArchiveBody } from '../rows.ts'
import { answer, answered, param } from './request.ts'

const { api } = client

export const archives = {
  list: async () => (await answer(api.archives.$get())).archives,
  get: async (id: number) => (await answer(api.archives[':id'].$get({ param: param(id) }))).archive,
  create: async (json: ArchiveBody) => (await answer(api.archives.$post({ json }))).archive,
  update: async (id: number, json: ArchiveBody) =>
    (await answer(api.archives[':id'].$patch({ param: param(id), json }))).archive,
  remove: (id: number) => answered(api.archives[':id'].$delete({ param: param(id), query: {} })),
  run: async (id: number) => (await answer(api.archives[':id'].run.$post({ param: param(id) }))).job_id,
}

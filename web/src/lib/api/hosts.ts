// Hosts.
import { client } from '../client.ts'
import { answer, answered, param } from './request.ts'

const { api } = client

export const hosts = {
  list: async () => (await answer(api.hosts.$get())).hosts,
  create: (name: string) => answer(api.hosts.$post({ json: { name } })),
  change: (id: number, json: { parallel_stacks: number }) =>
    answered(api.hosts[':id'].$patch({ param: param(id), json })),
}

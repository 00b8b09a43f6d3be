// Hosts.
import { client } from '../client.ts'
import { answer } from './request.ts'

const { api } = client

export const hosts = {
  list: async () => (await answer(api.hosts.$get())).hosts,
  create: (name: string) => answer(api.hosts.$post({ json: { name } })),
}

// Stacks.
import { client } from '../client.ts'
import { answer, param } from './request.ts'

const { api } = client

export const stacks = {
  list: async () => (await answer(api.stacks.$get({ query: {} }))).stacks,
  get: (id: number) => answer(api.stacks[':id'].$get({ param: param(id) })),
}

// Stacks.
import { client } from '../client.ts'
import { answer } from './request.ts'

const { api } = client

export const stacks = {
  list: async () => (await answer(api.stacks.$get({ query: {} }))).stacks,
}

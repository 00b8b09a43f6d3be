// How things stand.
import { client } from '../client.ts'
import { answer } from './request.ts'

const { api } = client

export const dashboard = {
  get: () => answer(api.dashboard.$get()),
  storage: () => answer(api.dashboard.storage.$get()),
}

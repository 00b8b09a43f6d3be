// Users, their sessions and tokens; and one's own.
import type { Role } from 'db/domain/role'
import { client } from '../client.ts'
import type { NewUser, UserChanges } from '../rows.ts'
import { answer, answered } from './request.ts'

const { api } = client
const one = (id: string) => ({ param: { id } })

export const users = {
  list: async () => (await answer(api.users.$get())).users,
  create: async (json: NewUser) => (await answer(api.users.$post({ json }))).user,
  change: async (id: string, json: UserChanges) => (await answer(api.users[':id'].$patch({ ...one(id), json }))).user,
  remove: (id: string) => answered(api.users[':id'].$delete(one(id))),
  setPassword: (id: string, password: string) =>
    answered(api.users[':id'].password.$post({ ...one(id), json: { password } })),
  sessions: async (id: string) => (await answer(api.users[':id'].sessions.$get(one(id)))).sessions,
  endSession: (id: string, session_id: string) =>
    answered(api.users[':id'].sessions[':session_id'].$delete({ param: { id, session_id } })),
  endSessions: async (id: string) => (await answer(api.users[':id'].sessions.$delete(one(id)))).ended,
}

export const profile = {
  changeEmail: async (email: string) => (await answer(api.me.$patch({ json: { email } }))).user,
  changePassword: (current_password: string, new_password: string) =>
    answered(api.me.password.$post({ json: { current_password, new_password } })),
  sessions: async () => (await answer(api.me.sessions.$get())).sessions,
  endSession: (id: string) => answered(api.me.sessions[':id'].$delete(one(id))),
  endOthers: async () => (await answer(api.me.sessions.$delete())).ended,
}

export const tokens = {
  list: async () => (await answer(api.tokens.$get())).tokens,
  create: (json: { name: string; role: Role; expires_in_days?: number }) => answer(api.tokens.$post({ json })),
  remove: (id: string) => answered(api.tokens[':id'].$delete(one(id))),
}

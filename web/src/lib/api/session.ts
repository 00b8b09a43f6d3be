// Who uses the pages: the first account, signing in and out.
import { client } from '../client.ts'
import { answer, answered } from './request.ts'

const { api } = client

/** The sign-in routes are better-auth's own and have no types here. */
const auth = (path: string, body: object) =>
  answered(
    fetch(`/api/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  )

export const setup = {
  needed: async () => (await answer(api.setup.$get())).needed,
  createAdmin: (json: { username: string; email: string; password: string }) => answer(api.setup.$post({ json })),
}

export const session = {
  me: () => answer(api.me.$get()),
  signIn: (credentials: { username: string; password: string }) => auth('sign-in/username', credentials),
  signOut: () => auth('sign-out', {}),
}

// Behind sign-in: whoever is not signed in goes to /login, or to /setup while there is nobody yet.
import { error, isRedirect, redirect } from '@sveltejs/kit'
import { loginFor } from '#lib/address.ts'
import * as api from '#lib/api.ts'
import { asProblem } from '#lib/problem.ts'
import { session } from '#lib/session.svelte.ts'

export async function load({ url, untrack }) {
  try {
    if (await api.setup.needed()) redirect(307, '/setup')
    session.me = await api.session.me()
  } catch (thrown) {
    if (isRedirect(thrown)) throw thrown
    const problem = asProblem(thrown)
    if (problem.status !== 401) error(problem.status || 503, problem.message)
    redirect(307, loginFor(untrack(() => url.pathname + url.search)))
  }
}

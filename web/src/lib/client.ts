// The API as its own types describe it: a wrong path, field or value does not compile.
import type { Api } from 'functions/api'
import { hc } from 'hono/client'

export const client = hc<Api>('/', { fetch: askAgain })

/** A laptop that changes its network loses every request under way; what only reads is asked again before anybody is told. */
async function askAgain(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const pauses = init?.method === 'GET' ? [200, 1000] : []
  for (;;) {
    try {
      return await fetch(input, init)
    } catch (error) {
      const pause = pauses.shift()
      if (pause === undefined || init?.signal?.aborted) throw error
      await new Promise((done) => setTimeout(done, pause))
    }
  }
}

// `npm run demo`: the product, filled with three months of a household's backups, until Ctrl-C.
import '../start/follow-parent.ts'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from 'db/domain/errors'
import { buildWebIfStale } from '../start/build-web.ts'
import { startDemo } from './demo.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    console.log(ending.signal.aborted ? 'Already ending.' : 'Ending …')
    ending.abort(new Error('The demo was ended'))
  })
}

try {
  const began = Date.now()
  await buildWebIfStale(root, ending.signal)
  await using demo = await startDemo({
    folder: resolve(root, process.env['DEMO_DIR'] || 'demo'),
    port: Number(process.env['PORT'] || 8088),
    say: (text) => console.log(text),
    signal: ending.signal,
  })
  const [admin, ...others] = demo.users
  console.log(`
The demo runs at ${demo.url} (it took ${Math.round((Date.now() - began) / 1000)} s).
Sign in as ${admin?.username} with the password ${demo.password}; so can ${others.map(({ username, role }) => `${username} (${role})`).join(' and ')}.
Ctrl-C ends it and removes all of it.
`)
  if (!ending.signal.aborted) await new Promise((done) => ending.signal.addEventListener('abort', done, { once: true }))
} catch (error) {
  if (!ending.signal.aborted) {
    console.error(messageOf(error instanceof SuppressedError ? error.suppressed : error))
    process.exitCode = 1
  }
}
process.exit()

// What runs in a helper container: the archive process, once it is sure that the volumes named by its arguments are
// mounted. One that is not would read as an empty folder.
import { readFileSync } from 'node:fs'
import { notMounted } from './docker/mounted.ts'

const missing = notMounted(process.argv.slice(2), readFileSync('/proc/self/mountinfo', 'utf8'))
if (missing.length > 0) {
  process.stderr.write(`Docker has not mounted ${missing.join(', ')}\n`)
  process.exit(1)
}
await import('./archive/engine.ts')

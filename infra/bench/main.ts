// `npm run bench -- log api web engine`: the figures of control plane and pages, on the embedded PostgreSQL as people run it, and
// of the archive engine.
import '../start/follow-parent.ts'
import { cpus, totalmem } from 'node:os'
import { api } from './api.ts'
import { engine } from './engine.ts'
import { log } from './log.ts'
import { web } from './web.ts'
import { tableOf, type Row } from './measure.ts'

const benches: Record<string, () => Promise<Row[]>> = {
  log,
  api,
  web,
  engine: () => engine({ quick: process.argv.includes('--quick') }),
}
const wanted = process.argv.slice(2).filter((name) => !name.startsWith('-'))
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`There is no bench named ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}`)
  process.exit(1)
}

const rows: Row[] = []
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length === 0 || wanted.includes(name)) rows.push(...(await bench()))
}
const memory = Math.round(totalmem() / 2 ** 30)
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, ${cpus()[0]?.model}, ${memory} GiB, Node ${process.versions.node}\n`,
)
console.log(tableOf(rows))
process.exit(rows.every(({ reached }) => reached) ? 0 : 1)

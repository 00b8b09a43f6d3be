// node pack-in-two-passes.ts SOURCE OUT SHARE DAY: reads ahead, lives through a day, reads what changed; prints what that cost.
import '../../../agent/archive/small-heap.ts'
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { openPacking } from '../../../agent/archive/pack.ts'
import { Pulse } from '../../../agent/archive/pulse.ts'
import { Remarks } from '../../../agent/archive/remarks.ts'
import { liveThroughDay } from './corpus.ts'

const [source = '', out = '', share, day] = process.argv.slice(2)
writeFileSync(out, '')
const packing = openPacking(
  {
    op: 'open',
    out,
    format: 'tar.zst',
    level: 3,
    sources: [{ path: source, prefix: basename(source), optional: false }],
    exclude: [],
    patterns: [],
    append: [],
    previous: null,
    full_read_every: 30,
  },
  new Remarks(() => {}),
  new Pulse(() => {}),
  new Date(),
)
await using _ = packing
await packing.readAhead()
liveThroughDay(source, Number(share), Number(day))

const begun = performance.now()
const used = process.cpuUsage()
const finish = await packing.read()
const wall = (performance.now() - begun) / 1000
const { user, system } = process.cpuUsage(used)
await finish()
console.log(JSON.stringify({ wall, cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS / 1024 }))

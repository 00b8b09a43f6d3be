// node print-one.ts FILE NAME: what one file out of a backup costs in a process that runs already, as the agent's does; prints that.
import { printFile } from '../../../agent/archive/print-file.ts'
import { Pulse } from '../../../agent/archive/pulse.ts'

const [file = '', name = ''] = process.argv.slice(2)
const begun = performance.now()
const used = process.cpuUsage()
await printFile(file, 'tar.zst', name, () => {}, new Pulse(() => {}))
const wall = (performance.now() - begun) / 1000
const { user, system } = process.cpuUsage(used)
console.log(JSON.stringify({ wall, cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS / 1024 }))

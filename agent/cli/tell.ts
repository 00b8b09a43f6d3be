// What the commands say: progress on a terminal, remarks, results.
import type { RemarkEvent } from '../archive/protocol.ts'
import { Pulse } from '../archive/pulse.ts'

export interface Telling {
  pulse: Pulse
  remark(remark: RemarkEvent): void
  /** The last thing that is said. */
  result(result: object, words: string): void
}

/** With `json`, lines of JSON on stdout, and nothing else there. Progress is for a terminal alone. */
export function telling(json: boolean): Telling {
  const line = json || !process.stderr.isTTY ? null : process.stderr
  const clear = () => line?.write('\r\x1b[K')
  return {
    pulse: new Pulse((files, bytes) => line?.write(`\r\x1b[K${inFiles(files)}, ${inBytes(bytes)} `)),
    remark({ type, path, text }) {
      clear()
      if (json) process.stdout.write(`${JSON.stringify({ type, path, text })}\n`)
      else process.stderr.write(`${type}: ${path === '' ? '' : `${path}: `}${text}\n`)
    },
    result(result, words) {
      clear()
      process.stdout.write(json ? `${JSON.stringify({ type: 'result', ...result })}\n` : `${words}\n`)
    },
  }
}

export function inFiles(count: number): string {
  return count === 1 ? '1 file' : `${count.toLocaleString('en')} files`
}

export function inEntries(count: number): string {
  return count === 1 ? '1 entry' : `${count.toLocaleString('en')} entries`
}

const units = ['B', 'kB', 'MB', 'GB', 'TB']

export function inBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

// The server as a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Kept in `output`: what it wrote to stdout and stderr. Whoever starts it ends it, by `child`. */
export function startProcess(settings: Record<string, string>) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOST: '127.0.0.1',
      PORT: '0',
      SECRET_KEY: 'x'.repeat(40),
      TZ: 'UTC',
      ...settings,
    },
  })
  // a test that failed before it could end it
  process.once('exit', () => child.kill('SIGKILL'))
  const output = { text: '' }
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output.text += text))
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  const url = async () => {
    for (;;) {
      const line = output.text.split('\n').find((text) => text.includes('"listening"'))
      if (line !== undefined) return (JSON.parse(line) as { url: string }).url
      if (child.exitCode !== null) throw new Error(output.text)
      await sleep(20)
    }
  }
  return { child, output, exit, url }
}

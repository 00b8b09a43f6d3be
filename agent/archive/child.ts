// The archive process as a child of this one.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { EngineProcess } from './client.ts'

/** Of Node: fewer pages for short-lived objects, which are most of what a walk makes. */
export const nodeOptions = ['--max-semi-space-size=2']

export function startChild(): EngineProcess {
  const child = spawn(process.execPath, [...nodeOptions, fileURLToPath(new URL('./engine.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)))
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    ended: new Promise((resolve) => {
      child.once('error', (error) => resolve(`the archive process cannot be started: ${error.message}`))
      child.once('close', (code, signal) =>
        resolve(endedText(signal ? `signal ${signal}` : `exit code ${code}`, errors)),
      )
    }),
    kill() {
      child.kill('SIGKILL')
      // a process in an uninterruptible call dies later; it must not keep this one alive until then
      child.unref()
      for (const stream of child.stdio) stream?.destroy()
    },
  }
}

export function endedText(how: string, errors: string): string {
  return `the archive process ended unexpectedly (${how})${errors && `: ${errors.trim()}`}`
}

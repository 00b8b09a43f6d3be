// A process of ours that is started again when it ends without being asked to.
import { spawn, type ChildProcess } from 'node:child_process'

export interface Kept {
  /** Settles when it ended for the first time: before anything worked, starting it again would not help. */
  firstEnd: Promise<string>
  /** SIGTERM, and SIGKILL after `patience` ms. */
  stop(patience: number): Promise<void>
}

const followParent = new URL('./follow-parent.ts', import.meta.url).href
const longestWait = 30

/** `name` is for people. It stands in a session of its own, so that it ends when we say, not by Ctrl-C in the terminal. */
export function keepRunning(name: string, file: string, cwd: string, env: NodeJS.ProcessEnv): Kept {
  let child: ChildProcess | undefined
  let timer: NodeJS.Timeout | undefined
  let wait = 1
  let isEnding = false
  const first = Promise.withResolvers<string>()
  const ended = Promise.withResolvers<void>()

  const start = () => {
    const startedAt = Date.now()
    child = spawn(process.execPath, ['--import', followParent, file], {
      cwd,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: process.platform !== 'win32',
    })
    child.on('error', (error) => console.error(`The ${name} could not be started: ${error.message}`))
    child.on('close', (code, signal) => {
      child = undefined
      const how = signal ?? `exit code ${code}`
      first.resolve(how)
      if (isEnding) return ended.resolve()
      if (Date.now() - startedAt > 60_000) wait = 1
      console.error(`The ${name} ended unexpectedly (${how}); it is started again in ${wait} s.`)
      timer = setTimeout(start, wait * 1000)
      wait = Math.min(wait * 2, longestWait)
    })
  }
  start()

  return {
    firstEnd: first.promise,
    async stop(patience) {
      isEnding = true
      clearTimeout(timer)
      if (child === undefined) return
      child.kill('SIGTERM')
      const late = setTimeout(() => child?.kill('SIGKILL'), patience)
      await ended.promise
      clearTimeout(late)
    },
  }
}

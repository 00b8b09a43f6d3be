// Starts the archive process and talks with it. Nothing here waits for a process that hangs: an abort or a kill settles
// what is pending at once, whatever state the process is in.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  EngineError,
  type EngineEvent,
  type EngineReply,
  type EngineRequest,
  type PackFolderRequest,
  type PackFolderResult,
  type PackRequest,
  type PackResult,
  type SurveyRequest,
  type SurveyResult,
  type VerifyRequest,
  type VerifyResult,
} from './protocol.ts'

type OnEvent = (event: EngineEvent) => void

export interface Engine extends AsyncDisposable {
  readonly pid: number | undefined
  /** One request at a time. Rejects with an EngineError, or with the signal's reason once it has aborted. */
  /** Begins to pack; the steps of `Packing` in pack.ts follow, the first of which may be left out. */
  open(request: Omit<PackRequest, 'op'>, onEvent: OnEvent): Promise<void>
  readAhead(onEvent: OnEvent): Promise<void>
  read(onEvent: OnEvent): Promise<void>
  finish(onEvent: OnEvent): Promise<PackResult>
  packFolder(request: Omit<PackFolderRequest, 'op'>, onEvent: OnEvent): Promise<PackFolderResult>
  verify(request: Omit<VerifyRequest, 'op'>, onEvent: OnEvent): Promise<VerifyResult>
  survey(request: Omit<SurveyRequest, 'op'>, onEvent: OnEvent): Promise<SurveyResult>
  /** Ends the process by SIGKILL, which a stopped process obeys too. */
  kill(): void
}

interface Pending {
  onEvent: OnEvent
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** Milliseconds an idle process has to end by itself. */
const patience = 2000

export function startEngine({ signal }: { signal?: AbortSignal } = {}): Engine {
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=2', fileURLToPath(new URL('./engine.ts', import.meta.url))],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  let pending: Pending | undefined
  let ended: { reason: unknown } | undefined
  let errors = ''
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))

  function end(reason: unknown): void {
    ended ??= { reason }
    pending?.reject(ended.reason)
    pending = undefined
    signal?.removeEventListener('abort', abort)
  }

  function kill(): void {
    child.kill('SIGKILL')
    // a process in an uninterruptible call dies later; it must not keep this one alive until then
    child.unref()
    for (const stream of child.stdio) stream?.destroy()
  }

  function abort(): void {
    end(signal?.reason)
    kill()
  }

  child.on('error', (error) => end(new EngineError('ENDED', `the archive process cannot be started: ${error.message}`)))
  child.on('close', (code, signalName) => end(new EngineError('ENDED', endedText(code, signalName, errors))))
  child.stdin.on('error', () => {}) // it has ended; 'close' tells why
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)))
  createInterface({ input: child.stdout }).on('line', (line) => {
    let event: EngineEvent | EngineReply
    try {
      event = JSON.parse(line) as EngineEvent | EngineReply
    } catch {
      // a process that is killed may leave half a line behind
      return
    }
    if (event.type !== 'done' && event.type !== 'error') return pending?.onEvent(event)
    const settled = pending
    pending = undefined
    if (event.type === 'done') settled?.resolve(event.result)
    else settled?.reject(new EngineError(event.code, event.message))
  })
  if (signal?.aborted) abort()
  else signal?.addEventListener('abort', abort)

  function ask<Result>(request: EngineRequest, onEvent: OnEvent): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (ended) return reject(ended.reason)
      if (pending) return reject(new Error('the archive process answers one request at a time'))
      pending = { onEvent, resolve: (result) => resolve(result as Result), reject }
      child.stdin.write(`${JSON.stringify(request)}\n`)
    })
  }

  return {
    get pid() {
      return child.pid
    },
    open: (request, onEvent) => ask<void>({ op: 'open', ...request }, onEvent),
    readAhead: (onEvent) => ask<void>({ op: 'readAhead' }, onEvent),
    read: (onEvent) => ask<void>({ op: 'read' }, onEvent),
    finish: (onEvent) => ask<PackResult>({ op: 'finish' }, onEvent),
    packFolder: (request, onEvent) => ask<PackFolderResult>({ op: 'packFolder', ...request }, onEvent),
    survey: (request, onEvent) => ask<SurveyResult>({ op: 'survey', ...request }, onEvent),
    verify: (request, onEvent) => ask<VerifyResult>({ op: 'verify', ...request }, onEvent),
    kill() {
      end(new EngineError('ENDED', endedText(null, 'SIGKILL', '')))
      kill()
    },
    async [Symbol.asyncDispose]() {
      if (ended) return
      child.stdin.end()
      const late = delay(pending ? 0 : patience, 'late', { ref: false })
      if ((await Promise.race([closed, late])) === 'late') kill()
    },
  }
}

function endedText(code: number | null, signal: NodeJS.Signals | null, errors: string): string {
  const how = signal ? `signal ${signal}` : `exit code ${code}`
  return `the archive process ended unexpectedly (${how})${errors && `: ${errors.trim()}`}`
}

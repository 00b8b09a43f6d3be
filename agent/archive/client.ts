// Talks with an archive process. Nothing here waits for a process that hangs: an abort or a kill settles what is pending
// at once, whatever state the process is in.
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { startChild } from './child.ts'
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
  /** All steps at once. */
  pack(request: Omit<PackRequest, 'op'>, onEvent: OnEvent): Promise<PackResult>
  packFolder(request: Omit<PackFolderRequest, 'op'>, onEvent: OnEvent): Promise<PackFolderResult>
  verify(request: Omit<VerifyRequest, 'op'>, onEvent: OnEvent): Promise<VerifyResult>
  survey(request: Omit<SurveyRequest, 'op'>, onEvent: OnEvent): Promise<SurveyResult>
  /** Ends the process by SIGKILL, which a stopped process obeys too. */
  kill(): void
}

/** An archive process, wherever it runs: a child of this one, or a helper container. */
export interface EngineProcess {
  /** Of a child. */
  readonly pid: number | undefined
  readonly stdin: Writable
  readonly stdout: Readable
  /** Resolves with a sentence on how it ended, or why it did not start. */
  readonly ended: Promise<string>
  /** Ends it at once and waits for nothing. */
  kill(): void
}

interface Pending {
  onEvent: OnEvent
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** Milliseconds an idle process has to end by itself. */
const patience = 2000

export interface EngineOptions {
  signal?: AbortSignal
  /** Default: a child of this process. */
  process?: EngineProcess
}

export function startEngine({ signal, process = startChild() }: EngineOptions = {}): Engine {
  let pending: Pending | undefined
  let ended: { reason: unknown } | undefined

  function end(reason: unknown): void {
    ended ??= { reason }
    pending?.reject(ended.reason)
    pending = undefined
    signal?.removeEventListener('abort', abort)
  }

  function abort(): void {
    end(signal?.reason)
    process.kill()
  }

  void process.ended.then((how) => end(new EngineError('ENDED', how)))
  process.stdin.on('error', () => {}) // it has ended, and says itself how
  createInterface({ input: process.stdout }).on('line', (line) => {
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
      process.stdin.write(`${JSON.stringify(request)}\n`)
    })
  }

  const engine: Engine = {
    get pid() {
      return process.pid
    },
    open: (request, onEvent) => ask<void>({ op: 'open', ...request }, onEvent),
    readAhead: (onEvent) => ask<void>({ op: 'readAhead' }, onEvent),
    read: (onEvent) => ask<void>({ op: 'read' }, onEvent),
    finish: (onEvent) => ask<PackResult>({ op: 'finish' }, onEvent),
    async pack(request, onEvent) {
      await engine.open(request, onEvent)
      await engine.read(onEvent)
      return await engine.finish(onEvent)
    },
    packFolder: (request, onEvent) => ask<PackFolderResult>({ op: 'packFolder', ...request }, onEvent),
    survey: (request, onEvent) => ask<SurveyResult>({ op: 'survey', ...request }, onEvent),
    verify: (request, onEvent) => ask<VerifyResult>({ op: 'verify', ...request }, onEvent),
    kill() {
      end(new EngineError('ENDED', 'the archive process ended unexpectedly (signal SIGKILL)'))
      process.kill()
    },
    async [Symbol.asyncDispose]() {
      if (ended) return
      process.stdin.end()
      const late = delay(pending ? 0 : patience, 'late', { ref: false })
      if ((await Promise.race([process.ended, late])) === 'late') process.kill()
    },
  }
  return engine
}

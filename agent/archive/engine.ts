// The archive process: reads requests from stdin, one JSON object a line, and answers on stdout. It works with blocking
// calls and may hang with a disk; whoever started it can do without it. It ends with its stdin, so never outlives that.
import './small-heap.ts'
import { createInterface } from 'node:readline'
import { openPacking, type Packing } from './pack.ts'
import { packFolder } from './pack-folder.ts'
import {
  EngineError,
  type EngineEvent,
  type EngineReply,
  type EngineRequest,
  type PackResult,
  type Result,
} from './protocol.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { survey } from './survey.ts'
import { verify } from './verify.ts'

/** What `open` began; one at a time. */
let packing: Packing | undefined
let finish: (() => Promise<PackResult>) | undefined

async function answer(request: EngineRequest): Promise<EngineReply> {
  const pulse = new Pulse((files, bytes) => send({ type: 'progress', files, bytes }))
  try {
    return { type: 'done', result: await work(request, pulse) }
  } catch (error) {
    if (error instanceof EngineError) return { type: 'error', code: error.code, message: error.message }
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { type: 'error', code: 'DEFECT', message }
  }
}

async function work(request: EngineRequest, pulse: Pulse): Promise<Result> {
  switch (request.op) {
    case 'open':
      await close()
      packing = openPacking(request, new Remarks(send), pulse, new Date())
      return null
    case 'readAhead':
      await begun(packing).readAhead()
      return null
    case 'read':
      finish = await begun(packing).read()
      return null
    case 'finish': {
      const result = await begun(finish)()
      await close()
      return result
    }
    case 'packFolder':
      return packFolder(request, new Remarks(send), pulse)
    case 'verify':
      return verify(request, pulse)
    case 'survey':
      return survey(request, new Remarks(send), pulse)
  }
}

function begun<Step>(step: Step | undefined): Step {
  if (step === undefined) throw new Error('nothing was begun')
  return step
}

async function close(): Promise<void> {
  await packing?.[Symbol.asyncDispose]()
  packing = finish = undefined
}

function send(event: EngineEvent | EngineReply): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

process.on('SIGINT', () => {}) // Ctrl-C reaches the whole group; the agent decides what becomes of this process
process.stdout.on('error', () => process.exit(1))
process.stdin.on('end', () => process.exit(0))
process.stdin.on('error', () => process.exit(1))

let last = Promise.resolve()
createInterface({ input: process.stdin }).on('line', (line) => {
  last = last.then(async () => send(await answer(JSON.parse(line) as EngineRequest)))
})

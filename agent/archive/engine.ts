// The archive process: reads requests from stdin, one JSON object a line, and answers on stdout. It works with blocking
// calls and may hang with a disk; whoever started it can do without it. It ends with its stdin, so never outlives that.
import { createInterface } from 'node:readline'
import { pack, packFolder } from './pack.ts'
import {
  EngineError,
  type EngineEvent,
  type EngineReply,
  type EngineRequest,
  type PackFolderRequest,
  type PackRequest,
  type PackResult,
} from './protocol.ts'
import { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { survey } from './survey.ts'
import { verify } from './verify.ts'

const packed = new Map<string, PackResult>()

async function answer(request: EngineRequest): Promise<EngineReply> {
  const pulse = new Pulse((files, bytes) => send({ type: 'progress', files, bytes }))
  try {
    if (request.op === 'verify') {
      return { type: 'done', result: await verify(request, packed.get(request.file), pulse) }
    }
    if (request.op === 'survey') return { type: 'done', result: await survey(request, new Remarks(send), pulse) }
    packed.delete(request.out)
    const result = await make(request, new Remarks(send), pulse)
    packed.set(request.out, result)
    return { type: 'done', result }
  } catch (error) {
    if (error instanceof EngineError) return { type: 'error', code: error.code, message: error.message }
    return {
      type: 'error',
      code: 'DEFECT',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }
  }
}

function make(request: PackRequest | PackFolderRequest, remarks: Remarks, pulse: Pulse): Promise<PackResult> {
  if (request.op === 'pack') return pack(request, remarks, pulse, new Date())
  return packFolder(request, remarks, pulse, new Date())
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

// A thread of the archive process: reads entries, makes frames of them, and writes each where it is told to.
import { write as writeLater } from 'node:fs'
import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { checkFrame } from './check-frame.ts'
import { codecOf } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import type { FrameTarget, FromWorker, Job, Made, ToWorker } from './frame-jobs.ts'
import { blockBuffer } from './direct-io.ts'
import { copyBetween } from './out-file.ts'
import { EngineError } from './protocol.ts'
import { readChunk, sameAsBefore } from './read-chunk.ts'
import { Raw } from './raw.ts'
import { readGroup } from './read-group.ts'
import { UnpackHand, type UnpackTarget } from './unpack-jobs.ts'
import { writeFailure } from './words.ts'

if (!parentPort) throw new Error('This file is a thread of the archive process.')
const port = parentPort
let path = ''
let codec = codecOf('tar', 1)
let reader = new FrameReader(path, codec)
let hand: UnpackHand | undefined
const raw = new Raw()
/** Frames that wait to be told where they go, and buffers that wait for frames. */
const waiting = new Map<number, { bytes: Buffer; length: number } | Extract<Job, { type: 'copy' }>>()
const idle: Buffer[] = []

let aimed = ''

function aim(target: FrameTarget & Partial<UnpackTarget>): void {
  path = target.path
  const wanted = `${target.format} ${target.level}`
  if (wanted !== aimed) codec = codecOf(target.format, target.level)
  aimed = wanted
  reader = new FrameReader(path, codec)
  if (target.unpackTo) hand = new UnpackHand(path, target.unpackTo, codec)
}

function begin(id: number, job: Job): void {
  if (job.type === 'copy') {
    waiting.set(id, job)
    return
  }
  if (job.type === 'check') return send({ type: 'checked', id, checked: checkFrame(job, reader, path) })
  if (job.type === 'unpack' || job.type === 'unpackChunk') {
    if (!hand) throw new Error('there is no folder to unpack into')
    return send({ type: 'unpacked', id, answer: hand.do(job) })
  }
  raw.reset()
  const made: Made = {
    length: 0,
    raw: 0,
    hash: '',
    left: [],
    faults: [],
    seen: [],
    reread: [],
    promoted: [],
    bytesRead: 0,
  }
  if (job.type === 'group') readGroup(job, raw, made)
  else if (job.type === 'chunk') readChunk(job, raw, made)
  else raw.add(Buffer.from(job.bytes.buffer, job.bytes.byteOffset, job.bytes.byteLength))
  const content = raw.content()
  if (job.type !== 'chunk' || !sameAsBefore(job, codec, content)) {
    const bytes = bufferFor(codec.bound(content.length))
    const length = codec.encode(content, bytes)
    made.length = length
    made.hash = createHash('sha256').update(bytes.subarray(0, length)).digest('base64url')
    waiting.set(id, { bytes, length })
  }
  made.raw = content.length
  send({ type: 'made', id, made })
}

function write(id: number, to: number, offset: number): void {
  const frame = waiting.get(id)
  waiting.delete(id)
  if (!frame) throw new Error(`there is no frame ${id}`)
  if ('bytes' in frame) return writeFrame(id, frame, to, offset)
  copyBetween(path, frame.from, frame.offset, to, offset, frame.length)
  send({ type: 'written', id })
}

/** On its way to the device while the next frame is made. */
function writeFrame(id: number, frame: { bytes: Buffer; length: number }, to: number, offset: number, done = 0): void {
  writeLater(to, frame.bytes, done, frame.length - done, offset + done, (error, written) => {
    if (error) send({ type: 'failed', id, code: error.code ?? 'EIO', message: writeFailure(path, error) })
    else if (done + written < frame.length) writeFrame(id, frame, to, offset, done + written)
    else {
      idle.push(frame.bytes)
      send({ type: 'written', id })
    }
  })
}

function bufferFor(length: number): Buffer {
  const at = idle.findIndex((buffer) => buffer.length >= length)
  return (at < 0 ? undefined : idle.splice(at, 1)[0]) ?? blockBuffer(length)
}

function send(message: FromWorker): void {
  port.postMessage(message)
}

function drop(id: number): void {
  const frame = waiting.get(id)
  waiting.delete(id)
  if (frame && 'bytes' in frame) idle.push(frame.bytes)
}

function leave(): void {
  hand?.leave()
  hand = undefined
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'target') return aim(message.target)
  if (message.type === 'leave') return leave()
  try {
    if (message.type === 'begin') begin(message.id, message.job)
    else if (message.type === 'write') write(message.id, message.to, message.offset)
    else drop(message.id)
  } catch (error) {
    const known = error instanceof EngineError
    const text = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error)
    send({ type: 'failed', id: message.id, code: known ? error.code : 'DEFECT', message: text })
  }
})

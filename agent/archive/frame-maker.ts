// What a thread of the archive process does: it reads entries, makes frames of them, and writes each where it is told to.
import { writeSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { checkFrame } from './check-frame.ts'
import { codecOf } from './frame.ts'
import {
  nothingMade,
  type CheckJob,
  type CopyJob,
  type FrameTarget,
  type FromWorker,
  type Job,
  type Made,
  type ToWorker,
} from './frame-jobs.ts'
import { FrameReader } from './frame-reader.ts'
import { copyBetween } from './out-file.ts'
import { EngineError } from './protocol.ts'
import { Raw } from './raw.ts'
import { readChunk, sameAsBefore } from './read-chunk.ts'
import { readGroup } from './read-group.ts'
import { UnpackHand, type UnpackChunkJob, type UnpackJob, type UnpackTarget } from './unpack-jobs.ts'
import { writeFailure } from './words.ts'

export class FrameMaker {
  readonly #raw: Raw
  #path = ''
  #codec = codecOf('tar', 1)
  #aimed = ''
  #reader = new FrameReader(this.#path, this.#codec)
  #hand: UnpackHand | undefined
  /** Frames that wait to be told where they go, and buffers that wait for frames. */
  readonly #waiting = new Map<number, { bytes: Buffer; length: number } | CopyJob>()
  readonly #idle: Buffer[] = []

  constructor(raw = new Raw()) {
    this.#raw = raw
  }

  answer(message: ToWorker): FromWorker | null {
    if (message.type === 'target') {
      this.#aim(message.target)
      return null
    }
    if (message.type === 'leave') {
      this.#leave()
      return null
    }
    const { id } = message
    try {
      if (message.type === 'begin') return this.#begin(id, message.job)
      if (message.type === 'drop') return this.#drop(id)
      this.#write(id, message.to, message.offset)
      return { type: 'written', id }
    } catch (error) {
      if (error instanceof EngineError) return { type: 'failed', id, code: error.code, message: error.message }
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return { type: 'failed', id, code: 'DEFECT', message: text }
    }
  }

  #aim({ format, level, path, unpackTo }: FrameTarget & Partial<UnpackTarget>): void {
    this.#path = path
    const aimed = `${format} ${level}`
    if (aimed !== this.#aimed) this.#codec = codecOf(format, level)
    this.#aimed = aimed
    this.#reader = new FrameReader(path, this.#codec)
    if (unpackTo) this.#hand = new UnpackHand(path, unpackTo, this.#codec)
  }

  #leave(): void {
    this.#hand?.leave()
    this.#hand = undefined
  }

  #begin(id: number, job: Job): FromWorker | null {
    if (job.type === 'check') return { type: 'checked', id, checked: checkFrame(job, this.#reader, this.#path) }
    if (job.type === 'unpack' || job.type === 'unpackChunk') {
      if (!this.#hand) throw new Error('there is no folder to unpack into')
      return { type: 'unpacked', id, answer: this.#hand.do(job) }
    }
    if (job.type !== 'copy') return { type: 'made', id, made: this.#make(id, job) }
    this.#waiting.set(id, job)
    return null
  }

  #make(id: number, job: Exclude<Job, CheckJob | CopyJob | UnpackJob | UnpackChunkJob>): Made {
    const raw = this.#raw
    raw.reset()
    const made = nothingMade()
    if (job.type === 'group') readGroup(job, raw, made)
    else if (job.type === 'chunk') readChunk(job, raw, made)
    else raw.add(Buffer.from(job.bytes.buffer, job.bytes.byteOffset, job.bytes.byteLength))
    const content = raw.content()
    made.raw = content.length
    if (job.type === 'chunk' && sameAsBefore(job, this.#codec, content)) return made
    const bytes = this.#bufferFor(this.#codec.bound(content.length))
    made.length = this.#codec.encode(content, bytes)
    made.hash = createHash('sha256').update(bytes.subarray(0, made.length)).digest('base64url')
    this.#waiting.set(id, { bytes, length: made.length })
    return made
  }

  #write(id: number, to: number, offset: number): void {
    const frame = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (!frame) throw new Error(`there is no frame ${id}`)
    if ('type' in frame) return copyBetween(this.#path, frame.from, frame.offset, to, offset, frame.length)
    for (let done = 0; done < frame.length;) {
      try {
        done += writeSync(to, frame.bytes, done, frame.length - done, offset + done)
      } catch (error) {
        throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', writeFailure(this.#path, error))
      }
    }
    this.#idle.push(frame.bytes)
  }

  #drop(id: number): null {
    const frame = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (frame && 'bytes' in frame) this.#idle.push(frame.bytes)
    return null
  }

  #bufferFor(length: number): Buffer {
    const at = this.#idle.findIndex((buffer) => buffer.length >= length)
    return (at < 0 ? undefined : this.#idle.splice(at, 1)[0]) ?? Buffer.allocUnsafeSlow(length)
  }
}

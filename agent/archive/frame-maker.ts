// What a thread of the archive process does: it reads entries, makes frames of them, and writes each where it is told to.
import { write as writeLater } from 'node:fs'
import { createHash } from 'node:crypto'
import { blockBuffer } from './direct-io.ts'
import { codecOf } from './frame.ts'
import {
  nothingMade,
  type FrameTarget,
  type FromWorker,
  type Job,
  type Made,
  type MakeJob,
  type SpooledJob,
  type ToWorker,
} from './frame-jobs.ts'
import type { FrameTaker } from './frame-taker.ts'
import { EngineError } from './protocol.ts'
import { Raw } from './raw.ts'
import { readChunk, sameAsBefore } from './read-chunk.ts'
import { readGroup } from './read-group.ts'
import { writeFailure } from './words.ts'

/** Of tar that is put aside. */
const plain = codecOf('tar', 1)

export class FrameMaker {
  readonly #send: (answer: FromWorker) => void
  readonly #raw: Raw
  #path = ''
  #codec = plain
  #aimed = ''
  #taker: FrameTaker | undefined
  #loading: Promise<void> | undefined
  /** Frames that wait to be told where they go, and buffers that wait for frames. */
  readonly #waiting = new Map<number, { bytes: Buffer; length: number }>()
  readonly #idle: Buffer[] = []

  /** `send` is called with each answer, some of which take their time. */
  constructor(send: (answer: FromWorker) => void, raw = new Raw()) {
    this.#send = send
    this.#raw = raw
  }

  hear(message: Exclude<ToWorker, { type: 'end' }>): void {
    if (this.#loading) void this.#loading.then(() => this.#do(message))
    else this.#do(message)
  }

  #do(message: Exclude<ToWorker, { type: 'end' }>): void {
    if (message.type === 'target') return this.#aim(message.target)
    if (message.type === 'leave') return this.#leave()
    const { id } = message
    try {
      if (message.type === 'begin') this.#begin(id, message.job)
      else if (message.type === 'putAside') this.#send({ type: 'made', id, made: this.#make(id, message.job, true) })
      else if (message.type === 'drop') this.#drop(id)
      else this.#write(id, message.to, message.offset)
    } catch (error) {
      const known = error instanceof EngineError
      const text = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error)
      this.#send({ type: 'failed', id, code: known ? error.code : 'DEFECT', message: text })
    }
  }

  #aim({ format, level, path, takes }: FrameTarget): void {
    this.#path = path
    const aimed = `${format} ${level}`
    if (aimed !== this.#aimed) this.#codec = codecOf(format, level)
    this.#aimed = aimed
    if (takes) this.#loading = this.#loadTaker(takes)
  }

  /** Only when it is asked for: without it, threads that make frames start in two thirds of the time. */
  async #loadTaker({ unpackTo }: Required<FrameTarget>['takes']): Promise<void> {
    const { FrameTaker } = await import('./frame-taker.ts')
    this.#taker = new FrameTaker(this.#path, this.#codec, unpackTo)
    this.#loading = undefined
  }

  #leave(): void {
    this.#taker?.leave()
    this.#taker = undefined
  }

  #begin(id: number, job: Job): void {
    switch (job.type) {
      case 'check':
      case 'unpack':
      case 'unpackChunk':
        if (!this.#taker) throw new Error('frames were not to be read back')
        return this.#send({ ...this.#taker.take(job), id })
      default:
        return this.#send({ type: 'made', id, made: this.#make(id, job, false) })
    }
  }

  #make(id: number, job: MakeJob, aside: boolean): Made {
    const codec = aside ? plain : this.#codec
    const raw = this.#raw
    raw.reset()
    const made = nothingMade()
    if (job.type === 'group') readGroup(job, raw, made)
    else if (job.type === 'chunk') readChunk(job, raw, made)
    else if (job.type === 'spooled') this.#readSpooled(job)
    else raw.add(Buffer.from(job.bytes.buffer, job.bytes.byteOffset, job.bytes.byteLength))
    const content = raw.content()
    made.raw = content.length
    if (job.type === 'chunk' && sameAsBefore(job, made)) return made
    const bytes = this.#bufferFor(codec.bound(content.length))
    made.length = codec.encode(content, bytes)
    if (!aside) made.hash = createHash('sha256').update(bytes.subarray(0, made.length)).digest('base64url')
    this.#waiting.set(id, { bytes, length: made.length })
    return made
  }

  #readSpooled({ fd, offset, length }: SpooledJob): void {
    const read = this.#raw.readFrom(fd, length, offset)
    if (read < length) throw new EngineError('EIO', `what was put aside for ${this.#path} ends too early`)
  }

  #write(id: number, to: number, offset: number): void {
    const frame = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (!frame) throw new Error(`there is no frame ${id}`)
    this.#writeFrame(id, frame, to, offset)
  }

  /** On its way to the device while the next frame is made. */
  #writeFrame(id: number, frame: { bytes: Buffer; length: number }, to: number, offset: number, done = 0): void {
    writeLater(to, frame.bytes, done, frame.length - done, offset + done, (error, written) => {
      if (error) {
        const message = writeFailure(this.#path, error)
        this.#send({ type: 'failed', id, code: error.code ?? 'EIO', message })
      } else if (done + written < frame.length) this.#writeFrame(id, frame, to, offset, done + written)
      else {
        this.#idle.push(frame.bytes)
        this.#send({ type: 'written', id })
      }
    })
  }

  #drop(id: number): void {
    const frame = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (frame) this.#idle.push(frame.bytes)
  }

  #bufferFor(length: number): Buffer {
    const at = this.#idle.findIndex((buffer) => buffer.length >= length)
    return (at < 0 ? undefined : this.#idle.splice(at, 1)[0]) ?? blockBuffer(length)
  }
}

// A thread that is none: frames are made in the test's own, so that it can change files between two reads of one.
import { EventEmitter } from 'node:events'
import { FrameMaker } from '../frame-maker.ts'
import type { ToWorker } from '../frame-jobs.ts'
import type { Thread } from '../frame-pool.ts'
import { Raw } from '../raw.ts'

/** `meanwhile` is called after each read, with the bytes read so far. */
export function inlineThread(meanwhile: (bytesRead: number) => void): Thread {
  const events = new EventEmitter()
  const maker = new FrameMaker(
    (answer) => void events.emit('message', structuredClone(answer)),
    new InterruptedRaw(meanwhile),
  )
  return Object.assign(events, {
    postMessage(message: ToWorker) {
      const given = structuredClone(message)
      setImmediate(() => given.type !== 'end' && maker.hear(given))
    },
    ref: () => {},
    unref: () => {},
    end: async () => {},
  })
}

class InterruptedRaw extends Raw {
  readonly #meanwhile: (bytesRead: number) => void
  #read = 0

  constructor(meanwhile: (bytesRead: number) => void) {
    super()
    this.#meanwhile = meanwhile
  }

  override readFrom(fd: number, most: number, position: number): number {
    const half = Math.ceil(most / 2)
    const first = super.readFrom(fd, half, position)
    this.#read += first
    this.#meanwhile(this.#read)
    const second = first < half ? 0 : super.readFrom(fd, most - half, position + half)
    this.#read += second
    return first + second
  }
}

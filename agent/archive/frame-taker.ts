// What a thread does with frames that stand: it reads them back, to check them or to unpack what is in them.
import { checkFrame } from './check-frame.ts'
import type { Codec } from './frame.ts'
import type { TakeJob, Taken } from './frame-jobs.ts'
import { FrameReader } from './frame-reader.ts'
import { UnpackHand, type UnpackTo } from './unpack-jobs.ts'

export class FrameTaker {
  readonly #path: string
  readonly #reader: FrameReader
  readonly #hand: UnpackHand | null

  /** `path` of the backup, for telling; `unpackTo` null where nothing is to be unpacked. */
  constructor(path: string, codec: Codec, unpackTo: UnpackTo | null) {
    this.#path = path
    this.#reader = new FrameReader(path, codec)
    this.#hand = unpackTo && new UnpackHand(path, unpackTo, codec)
  }

  take(job: TakeJob): Taken {
    if (job.type === 'check') return { type: 'checked', checked: checkFrame(job, this.#reader, this.#path) }
    if (!this.#hand) throw new Error('there is no folder to unpack into')
    return { type: 'unpacked', answer: this.#hand.do(job) }
  }

  leave(): void {
    this.#hand?.leave()
  }
}

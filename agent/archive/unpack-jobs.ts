// What the main thread asks of the threads that unpack, and how one does it. With little to do, the main thread does it itself.
import type { Codec } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import { writeAt } from './entry-maker.ts'
import type { Frame } from './index-file.ts'
import { Selection } from './selection.ts'
import type { Extent } from './system-calls.ts'
import { TarEntries } from './tar-entries.ts'
import { Malformed } from './malformed.ts'
import { nothingUnpacked, throwHopeless, Unpacker, type Unpacked } from './unpacker.ts'
import { reasonOf } from './words.ts'

/** The same for all jobs. */
export interface UnpackTo {
  /** The open folder that is unpacked into. */
  root: number
  overwrite: boolean
  /** Names in the backup, bytes as latin1; empty for everything. */
  paths: string[]
}

/** Makes the entries of a frame. */
export interface UnpackJob {
  type: 'unpack'
  fd: number
  frame: Frame
  aliases: ReadonlyMap<string, string>
}

/** Writes the content of a frame, which is a part of a large file, to where it belongs in it. */
export interface UnpackChunkJob {
  type: 'unpackChunk'
  fd: number
  frame: Frame
  to: number
  extents: Extent[]
}

/** `failure`: what went wrong with the frame or the file as a whole, in words; entries of it may be missing. */
export type UnpackAnswer = Unpacked & { failure: string | null }

/** For entries whose folders come last. */
export function unpackerInto({ root, overwrite, paths }: UnpackTo): Unpacker {
  return new Unpacker({ root, overwrite, keepTimes: false, selection: new Selection(paths) })
}

export class UnpackHand {
  readonly #reader: FrameReader
  readonly #unpacker: Unpacker

  /** `path` of the backup, for telling. */
  constructor(path: string, to: UnpackTo, codec: Codec) {
    this.#reader = new FrameReader(path, codec)
    this.#unpacker = unpackerInto(to)
  }

  /** Throws an EngineError where no other job would fare better. */
  do(job: UnpackJob | UnpackChunkJob): UnpackAnswer {
    try {
      const content = this.#reader.read(job.fd, job.frame)
      if (job.type === 'unpack') return { ...this.#entriesOf(content, job.aliases), failure: null }
      writeParts(job, content)
      return { ...nothingUnpacked(), failure: null }
    } catch (error) {
      throwHopeless(error)
      return { ...this.#unpacker.taken(), faults: [], failure: reasonOf(error) }
    }
  }

  /** Closes the folders that were kept open for the next job. */
  leave(): void {
    this.#unpacker.leave()
  }

  #entriesOf(content: Buffer, aliases: ReadonlyMap<string, string>): Unpacked {
    const unpacker = this.#unpacker
    unpacker.aliases = aliases
    const entries = new TarEntries(unpacker)
    entries.push(content)
    if (!entries.isBetween) {
      const file = unpacker.takeFile()
      if (file) unpacker.dropFile(file, new Malformed('the backup ends within it'))
    }
    for (const [target, names] of unpacker.orphans)
      for (const name of names)
        unpacker.fault(name, new Malformed(`it is a further name of ${target}, which is not there`))
    unpacker.orphans.clear()
    return unpacker.taken()
  }
}

function writeParts({ to, extents }: UnpackChunkJob, content: Buffer): void {
  let at = 0
  for (const { offset, length } of extents) {
    writeAt(to, content.subarray(at, at + length), offset)
    at += length
  }
}

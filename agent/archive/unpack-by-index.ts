// Unpacks a backup by its index: only the frames that hold what is wanted, on all cores. What is in a frame decides what is made, not what
// the index says is in it.
import { parseLine } from './entry-line.ts'
import type { OpenFile } from './entry-maker.ts'
import { codecOf } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import type { FrameTarget } from './frame-jobs.ts'
import type { Frame, Group, IndexReader } from './index-file.ts'
import { groupsIn } from './index-of.ts'
import type { Pulse } from './pulse.ts'
import { Selection } from './selection.ts'
import type { Extent } from './system-calls.ts'
import { TarEntries } from './tar-entries.ts'
import {
  unpackerInto,
  UnpackHand,
  type UnpackAnswer,
  type UnpackChunkJob,
  type UnpackJob,
  type UnpackTo,
} from './unpack-jobs.ts'
import { addUnpacked, nothingUnpacked, type Unpacked, type Unpacker } from './unpacker.ts'
import { reasonOf } from './words.ts'

const MiB = 1024 * 1024
/** Bytes of tar that are unpacked before threads are started, which takes as long as this much. */
const withoutThreads = 16 * MiB

/** Where jobs are done. */
interface Hands extends AsyncDisposable {
  room(): Promise<void>
  unpacked(job: UnpackJob | UnpackChunkJob): Promise<UnpackAnswer>
}

/** A backup that is open, with its index. */
export interface Indexed {
  file: string
  fd: number
  index: IndexReader
}

/** Throws an EngineError when nothing more can be read or written. */
export async function unpackByIndex(indexed: Indexed, to: UnpackTo, pulse: Pulse): Promise<Unpacked> {
  await using unpacking = new Unpacking(indexed, to, pulse)
  const selection = new Selection(to.paths)
  for (const group of groupsIn(indexed.index)) {
    const wanted = selection.isAll ? nothingElse : wantedOf(group, selection)
    if (wanted) await unpacking.add(group, wanted)
    if (pulse.due()) await pulse.beat()
  }
  return await unpacking.end()
}

/** Of a group: the names that are wanted, and under which of them contents are whose own name is not. */
interface Wanted {
  names: string[] | null
  aliases: ReadonlyMap<string, string>
}

const nothingElse: Wanted = { names: null, aliases: new Map() }

function wantedOf({ lines }: Group, selection: Selection): Wanted | null {
  if (!lines.some((line) => selection.mayHave(line))) return null
  const names: string[] = []
  const aliases = new Map<string, string>()
  for (const { type, name, target } of lines.map(parseLine)) {
    if (!selection.has(name)) continue
    names.push(name)
    if (type === 'h' && target !== undefined && !selection.has(target) && !aliases.has(target))
      aliases.set(target, name)
  }
  return names.length > 0 ? { names, aliases } : null
}

class Unpacking implements AsyncDisposable {
  readonly #indexed: Indexed
  readonly #to: UnpackTo
  readonly #target: FrameTarget
  readonly #pulse: Pulse
  readonly #reader: FrameReader
  /** For files in parts, whose beginning and end are made here. */
  readonly #unpacker: Unpacker
  readonly #sum = nothingUnpacked()
  #hands: Hands
  #bytes = 0
  readonly #under = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(indexed: Indexed, to: UnpackTo, pulse: Pulse) {
    this.#indexed = indexed
    this.#to = to
    this.#pulse = pulse
    const { format, level } = indexed.index.summary
    this.#target = { format, level, path: indexed.file }
    this.#reader = new FrameReader(indexed.file, codecOf(format, level))
    this.#unpacker = unpackerInto(to)
    this.#hands = new OneHand(new UnpackHand(indexed.file, to, codecOf(format, level)))
  }

  async add(group: Group, wanted: Wanted): Promise<void> {
    await this.#moreHands(group)
    // what is in folders moves their times, and so do folders in folders: one behind the other, when all else stands
    if (group.of === 'folders') await this.#settled()
    const [frame, ...further] = group.frames
    if (!frame) return
    if (further.length > 0) await this.#addLarge(group, wanted, frame, further)
    else await this.#addWhole(group, wanted, frame)
    if (group.of === 'folders') await this.#settled()
  }

  async end(): Promise<Unpacked> {
    await this.#settled()
    this.#unpacker.end()
    addUnpacked(this.#sum, this.#unpacker.taken())
    return this.#sum
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hands[Symbol.asyncDispose]()
    this.#unpacker.leave()
  }

  /** Threads, once there is enough to do. */
  async #moreHands({ frames }: Group): Promise<void> {
    this.#bytes += frames.reduce((sum, { raw }) => sum + raw, 0)
    if (!(this.#hands instanceof OneHand)) return
    const isMuch = this.#to.paths.length === 0 && this.#indexed.index.summary.archive_bytes > withoutThreads / 4
    if (this.#bytes < withoutThreads && !isMuch) return
    const { FramePool } = await import('./frame-pool.ts')
    await this.#hands[Symbol.asyncDispose]()
    this.#hands = new FramePool({ ...this.#target, takes: { unpackTo: this.#to } })
  }

  async #addWhole(group: Group, { names, aliases }: Wanted, frame: Frame): Promise<void> {
    await this.#hands.room()
    this.#begin(async () => {
      const answer = await this.#hands.unpacked({ type: 'unpack', fd: this.#indexed.fd, frame, aliases })
      this.#count(answer)
      if (answer.failure !== null) this.#failed(group, names, answer.failure)
    })
  }

  /** Its head is read here, its parts by all hands. */
  async #addLarge(group: Group, { names, aliases }: Wanted, first: Frame, further: Frame[]): Promise<void> {
    const unpacker = this.#unpacker
    let file: OpenFile | undefined
    let room = 0
    try {
      unpacker.aliases = aliases
      const entries = new TarEntries(unpacker)
      entries.push(this.#reader.read(this.#indexed.fd, first))
      room = entries.missing.content + entries.missing.filling
      file = unpacker.takeFile()
      if (file && !file.content.extents) throw new Error('a part of it holds no whole head')
    } catch (error) {
      return this.#failed(group, names, reasonOf(error))
    } finally {
      this.#tell()
    }
    const parts: Promise<UnpackAnswer>[] = []
    const behind: Frame[] = []
    const places = new Places(file?.content.extents ?? [])
    for (const frame of further) {
      if (room === 0) behind.push(frame)
      else if (file) {
        await this.#hands.room()
        const extents = places.next(Math.min(frame.raw, room))
        parts.push(this.#hands.unpacked({ type: 'unpackChunk', fd: this.#indexed.fd, frame, to: file.fd, extents }))
      }
      room = Math.max(0, room - frame.raw)
      if (this.#pulse.due()) await this.#pulse.beat()
    }
    this.#begin(async () => {
      const failures = (await Promise.all(parts)).map(({ failure }) => failure)
      const failure = failures.find((one) => one !== null) ?? (room > 0 ? 'a part of it is missing' : null)
      if (file && failure !== null) unpacker.dropFile(file, new Error(failure))
      else if (file) unpacker.endFile(file)
      this.#furtherNames(group, { names, aliases }, behind)
      this.#tell()
    })
  }

  /** They stand in frames behind the content. */
  #furtherNames({ lines }: Group, { names, aliases }: Wanted, frames: Frame[]): void {
    try {
      for (const frame of frames) {
        this.#unpacker.aliases = aliases
        new TarEntries(this.#unpacker).push(this.#reader.read(this.#indexed.fd, frame))
      }
    } catch (error) {
      this.#failed({ lines: lines.slice(1) }, names, reasonOf(error))
    }
  }

  #begin(work: () => Promise<void>): void {
    const done = work()
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#under.delete(done))
    this.#under.add(done)
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#under)
    if (this.#failure) throw this.#failure.error
  }

  #tell(): void {
    this.#count(this.#unpacker.taken())
  }

  #count(more: Unpacked): void {
    addUnpacked(this.#sum, more)
    this.#pulse.files = this.#sum.files
    this.#pulse.bytes = this.#sum.bytes
  }

  #failed({ lines }: Pick<Group, 'lines'>, names: string[] | null, why: string): void {
    for (const name of names ?? lines.map((line) => parseLine(line).name)) this.#sum.faults.push({ name, text: why })
  }
}

/** Cuts the places of a file's data into those of its parts. */
class Places {
  readonly #extents: readonly Extent[]
  #at = 0
  #used = 0

  constructor(extents: readonly Extent[]) {
    this.#extents = extents
  }

  /** Of the next `length` bytes of data; fewer at its end, behind which is filling. */
  next(length: number): Extent[] {
    const places: Extent[] = []
    for (let rest = length; rest > 0;) {
      const extent = this.#extents[this.#at]
      if (!extent) break
      const part = Math.min(rest, extent.length - this.#used)
      if (part > 0) places.push({ offset: extent.offset + this.#used, length: part })
      rest -= part
      this.#used += part
      if (this.#used < extent.length) break
      this.#at++
      this.#used = 0
    }
    return places
  }
}

class OneHand implements Hands {
  readonly #hand: UnpackHand

  constructor(hand: UnpackHand) {
    this.#hand = hand
  }

  async room(): Promise<void> {}

  async unpacked(job: UnpackJob | UnpackChunkJob): Promise<UnpackAnswer> {
    return this.#hand.do(job)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hand.leave()
  }
}

// Brings a backup into its form after its second pass: what was put aside is made into frames behind those that stand, and what no longer
// holds is made what readers skip. Needs nothing of the sources.
import type { FramePool } from './frame-pool.ts'
import { OrderedSink } from './frame-sink.ts'
import type { Frame, Group } from './index-file.ts'
import type { IndexWriter } from './index-writer.ts'
import type { OutFile } from './out-file.ts'
import type { TarFormat } from './protocol.ts'

export interface Assembly {
  pool: FramePool
  out: OutFile
  format: TarFormat
  spool: number
  /** Bytes of the backup as the first pass left it. */
  length: number
  /** Parts of files that were kept without a look at what is in them, by their places: the frames that may still hold. */
  unread: ReadonlyMap<number, Frame | null>
  /** Of prints. */
  key: string
  /** Frames of the first pass that hold no more. */
  dead: Frame[]
  today: number
  index: IndexWriter
  beat(): Promise<void>
}

/** Groups that wait for their frames; they hold the lines of their entries. */
const mostWaiting = 64

/** `groups` as the second pass told them. Returns the length of the backup. Throws an EngineError when it cannot be written. */
export async function assemble(assembly: Assembly, groups: Iterable<Group>): Promise<number> {
  const { pool, out, format, spool, unread, key, dead, today, index, beat } = assembly
  const sink = new OrderedSink(pool, out, out.fd, today, assembly.length)
  let moves = false
  let told = Promise.resolve()
  let waiting = 0
  for (const group of groups) {
    const isNew = group.frames.some(isSpooled)
    // folders stand behind everything that is in them
    const moved = !isNew && moves && group.of === 'folders'
    if (moved) dead.push(...group.frames)
    moves ||= isNew
    const placing: Promise<Frame>[] = []
    for (const frame of isNew || moved ? group.frames : []) {
      await pool.room()
      placing.push(place(frame))
    }
    const placed = isNew || moved ? Promise.all(placing) : group.frames
    const before = told
    told = Promise.all([placed, before]).then(([frames]) => index.group({ ...group, frames }))
    told.catch(() => {}) // the pool tells
    if (++waiting < mostWaiting) continue
    waiting = 0
    await sink.length()
    await told
    await beat()
  }
  await sink.settled()
  await told
  for (const { offset, length } of joined(dead)) {
    out.kill(format, offset, length)
    await beat()
  }
  return sink.length()

  async function place(frame: Frame): Promise<Frame> {
    const [taken = frame] = isSpooled(frame) ? await fromSpool(frame) : await sink.take([frame])
    return taken
  }

  async function fromSpool(frame: Frame): Promise<Frame[]> {
    const offset = -1 - frame.offset
    if (frame.hash !== '') return sink.copy(spool, [{ ...frame, offset }])
    const before = unread.get(frame.offset)
    if (before !== undefined) {
      const extents = [{ offset, length: frame.length }]
      return [(await sink.make({ type: 'chunk', fd: spool, extents, zeros: 0, key, before })).frame]
    }
    const made = await sink.make({ type: 'spooled', fd: spool, offset, length: frame.length })
    return [{ ...made.frame, print: frame.print }]
  }
}

function isSpooled({ offset }: Frame): boolean {
  return offset < 0
}

/** In order, those side by side as one. */
function joined(frames: readonly Frame[]): Pick<Frame, 'offset' | 'length'>[] {
  const all: Pick<Frame, 'offset' | 'length'>[] = []
  for (const { offset, length } of frames.toSorted((a, b) => a.offset - b.offset)) {
    const last = all.at(-1)
    if (last && last.offset + last.length === offset) last.length += length
    else all.push({ offset, length })
  }
  return all
}

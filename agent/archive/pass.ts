// One pass over the sources: every entry is looked at, in groups; groups that are as they were before are taken over, all others
// are read, compressed and written. Frames are asked for in the order of the index, so the same tree makes the same file.
import { closeSync } from 'node:fs'
import type { Before, Met } from './before.ts'
import { entryOf, type FoundEntry } from './entry-of.ts'
import { lineOf, reread } from './entry-line.ts'
import { provesSameness } from './file-systems.ts'
import { nothingMade, type Entry, type FileEntry, type Made } from './frame-jobs.ts'
import type { FramePool } from './frame-pool.ts'
import type { FrameSink, Placed } from './frame-sink.ts'
import { endsGroup, isLarge, overflows, weightOf } from './grouping.ts'
import { encodeHead, paddedSize, typeflags } from './header.ts'
import type { Frame, Section } from './index-file.ts'
import type { IndexWriter } from './index-writer.ts'
import { openLarge, type LargeFile } from './large-file.ts'
import type { AppendedFile } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { failure, lookAgain } from './read-file.ts'
import { readEveryTime, type Remarks } from './remarks.ts'
import type { FoundIn } from './sources.ts'

export interface PassTools {
  pool: FramePool
  sink: FrameSink
  /** What was there before. */
  before: { groups: Before; isBackup: boolean } | null
  index: IndexWriter
  /** Of prints of parts of large files. */
  key: string
  remarks: Remarks
  pulse: Pulse
}

export class Pass {
  readonly counts = { files: 0, directories: 0, others: 0, content_bytes: 0, bytes_read: 0, reused_bytes: 0 }
  readonly #tools: PassTools
  /** Whether any file is read every time. */
  #doubts = false
  readonly #folders: Entry[] = []
  /** Names of each file that has several, by its identity, in the order of their first names. */
  readonly #linked = new Map<string, [FoundEntry, ...Entry[]]>()
  #group: { entries: Entry[]; lines: string[]; weight: number } = { entries: [], lines: [], weight: 0 }
  /** Bytes of files that are not read to their end. */
  #parts = 0
  /** Groups go into the index in order, each once its frames have their places. */
  #told: Promise<void> = Promise.resolve()

  constructor(tools: PassTools) {
    this.#tools = tools
  }

  /** Throws an EngineError when the backup cannot be written. */
  async run(all: Iterable<FoundIn>): Promise<void> {
    const { remarks } = this.#tools
    for (const found of all) {
      if ('error' in found) remarks.notRead(found.name, found.error, found.contentOnly ? 'its content' : 'it')
      else if (found.stat.isSocket()) remarks.note(found.name, 'is a socket, which archives do not keep')
      else {
        const entry = entryOf(found, remarks)
        if (entry) await this.#add(entry, found.stat.nlink)
      }
      await this.#rest()
    }
    await this.#close('files')
    await this.#addLinked()
    await this.#addFolders()
    this.#tools.before?.groups.end()
    await this.#settled()
    if (this.#doubts) remarks.onAll('note', readEveryTime)
  }

  /** What stands last in a tar: files of our own, and its end. */
  async end(append: AppendedFile[], mtimeNs: bigint): Promise<void> {
    const entries = append.map(({ name, mode, content }): Entry => {
      return { kind: 'made', name, mode, mtimeNs, content: Buffer.from(content) }
    })
    this.#tell('made', entries, entries.map(lineOf), this.#tools.sink.make({ type: 'group', entries, last: true }))
    await this.#settled()
  }

  /** Threads may be copying for long: that is told meanwhile. */
  async #settled(): Promise<void> {
    const { pulse, sink } = this.#tools
    const telling = setInterval(() => void pulse.beat(), 250)
    try {
      await sink.settled()
      await this.#told
    } finally {
      clearInterval(telling)
    }
  }

  async #rest(): Promise<void> {
    const { pulse, pool } = this.#tools
    if (pulse.due()) await pulse.beat()
    pool.check()
  }

  async #add(entry: FoundEntry, nlink: bigint): Promise<void> {
    if (entry.kind === 'directory') this.#folders.push(entry)
    else if (nlink > 1n) this.#keepName(entry)
    else await this.#join('files', [entry])
  }

  #keepName(entry: FoundEntry): void {
    const identity = `${entry.dev}:${entry.ino}`
    const names = this.#linked.get(identity)
    const of = entry.kind === 'file' ? 'file' : 'other'
    if (names) names.push({ ...entry, kind: 'hardLink', first: names[0].name, of })
    else this.#linked.set(identity, [entry])
  }

  async #addLinked(): Promise<void> {
    for (const [identity, names] of this.#linked) {
      this.#linked.delete(identity)
      await this.#join('links', names)
      await this.#rest()
    }
    await this.#close('links')
  }

  /** What is in a folder comes before it: files that are unpacked into a folder move its times. */
  async #addFolders(): Promise<void> {
    for (let folder = this.#folders.pop(); folder !== undefined; folder = this.#folders.pop()) {
      await this.#join('folders', [folder])
      await this.#rest()
    }
    await this.#close('folders')
  }

  /** Entries that must not be parted. */
  async #join(of: Section, entries: [Entry, ...Entry[]]): Promise<void> {
    const [first, ...further] = entries
    if (first.kind === 'file' && isLarge(first.size)) {
      await this.#close(of)
      return this.#addLarge(of, first, further)
    }
    const weight = entries.reduce((sum, entry) => sum + weightOf(entry.kind === 'file' ? entry.size : 0), 0)
    if (overflows(this.#group.weight, weight)) await this.#close(of)
    const group = this.#group
    group.weight += weight
    for (const entry of entries) {
      group.entries.push(entry)
      group.lines.push(this.#lineOf(entry))
    }
    if (endsGroup(first.name, weight)) await this.#close(of)
  }

  async #close(of: Section): Promise<void> {
    const { entries, lines } = this.#group
    if (entries.length === 0) return
    this.#group = { entries: [], lines: [], weight: 0 }
    const met = this.#meet(of, entries, lines)
    await this.#tools.pool.room()
    if (met?.same) return this.#takeOver(of, met, entries, lines)
    this.#tell(of, entries, lines, this.#tools.sink.make({ type: 'group', entries, last: false }))
  }

  async #addLarge(of: Section, found: FileEntry, further: Entry[]): Promise<void> {
    const lines = [found, ...further].map((entry) => this.#lineOf(entry))
    const met = this.#meet(of, [found], lines)
    if (met?.same) return this.#takeOver(of, met, [found, ...further], lines)
    const file = this.#open(found)
    if (!file) return this.#withoutFirst(of, further)
    const { pool, sink } = this.#tools
    await pool.room()
    const head = sink.make({ type: 'bytes', bytes: file.head })
    const earlier = met?.group.frames.slice(1) ?? []
    const placed = [head, ...((await this.#keepParts(file, earlier)) ?? (await this.#readParts(file, earlier)))]
    if (further.length > 0) placed.push(sink.make({ type: 'bytes', bytes: namesOf(file.entry, further) }))
    this.#tellLarge(of, file, further, placed)
  }

  async #keepParts(file: LargeFile, before: Frame[]): Promise<Promise<Placed>[] | null> {
    const { entry, opened, stored } = file
    const isWhole = stored === entry.size
    const kept = isWhole && (await this.#tools.sink.keep?.({ ...opened, size: stored, zeros: paddingOf(file), before }))
    if (!kept) return null
    this.#advance(stored)
    return kept.map((part) => Promise.resolve(part))
  }

  async #readParts({ opened, chunks, ...file }: LargeFile, earlier: Frame[]): Promise<Promise<Placed>[]> {
    const { pool, sink, key } = this.#tools
    const placed: Promise<Placed>[] = []
    for (const [at, extents] of chunks.entries()) {
      await pool.room()
      await this.#rest()
      const zeros = at === chunks.length - 1 ? paddingOf(file) : 0
      const before = earlier[at] ?? null
      const placing = sink.make({ type: 'chunk', fd: opened.fd, extents, zeros, key, before })
      placing.then(
        ({ made }) => this.#advance(made.bytesRead),
        () => {},
      ) // the pool tells
      placed.push(placing)
    }
    return placed
  }

  #open(found: FileEntry): LargeFile | null {
    try {
      const file = openLarge(found)
      if (!file) this.#tools.remarks.replaced(found.name)
      return file
    } catch (error) {
      this.#tools.remarks.notRead(found.name, failure(error))
      return null
    }
  }

  /** The first name is gone; what it led to may still be found by the next. */
  async #withoutFirst(of: Section, [next, ...rest]: Entry[]): Promise<void> {
    if (next?.kind !== 'hardLink' || next.of !== 'file') return
    const { first: _first, of: _of, ...file } = next
    const further = rest.map((entry) => (entry.kind === 'hardLink' ? { ...entry, first: next.name } : entry))
    await this.#addLarge(of, { ...file, kind: 'file' }, further)
  }

  #meet(of: Section, [first]: Entry[], lines: string[]): Met | null {
    return (first && this.#tools.before?.groups.meet(of, first.name, lines)) ?? null
  }

  #takeOver(of: Section, { group }: Met, entries: Entry[], lines: string[]): void {
    const { sink, index, before } = this.#tools
    const frames = sink.take(group.frames)
    const taken = group.taken || before?.isBackup === true
    this.#inOrder(async () => {
      const bytes = this.#count(entries)
      if (taken) this.counts.reused_bytes += bytes
      index.group({ of, frames: await frames, lines, taken })
    })
  }

  #tell(of: Section, entries: Entry[], lines: string[], placing: Promise<Placed>): void {
    this.#inOrder(async () => {
      const { made, frame } = await placing
      this.#heed(entries, lines, made)
      this.#count(entries.filter((_, at) => lines[at] !== ''))
      this.#tools.index.group({ of, frames: [frame], lines: lines.filter((line) => line !== ''), taken: false })
    })
  }

  #tellLarge(of: Section, file: LargeFile, further: Entry[], placing: Promise<Placed>[]): void {
    const { entry, opened, stored } = file
    this.#inOrder(async () => {
      const made = nothingMade()
      try {
        const placed = await Promise.all(placing)
        for (const { made: part } of placed) made.bytesRead += part.bytesRead
        const unread = placed.flatMap(({ made: part }) => part.faults)[0]
        if (unread?.what === 'notReadWholly') {
          made.faults.push({ ...unread, read: made.bytesRead, size: stored })
          made.reread.push(0)
        } else lookAgain(opened, entry, 0, stored, made.bytesRead, made)
        const lines = [entry, ...further].map((name) => this.#lineOf(name))
        this.#heed([entry], lines, made)
        this.#parts -= made.bytesRead
        this.#count([entry, ...further])
        this.#tools.index.group({ of, frames: placed.map(({ frame }) => frame), lines, taken: false })
      } finally {
        closeSync(opened.fd)
      }
    })
  }

  /** Errors of frames are told by the pool, too, which every step asks. */
  #inOrder(work: () => Promise<void>): void {
    this.#told = this.#told.then(work)
    this.#told.catch(() => {})
  }

  /** Brings lines to what was read. An empty one is of an entry that is not in the backup. */
  #heed(entries: Entry[], lines: string[], made: Made): void {
    this.counts.bytes_read += made.bytesRead
    for (const { at, entry } of made.promoted) {
      entries[at] = entry
      lines[at] = this.#lineOf(entry)
    }
    for (const { at, seen } of made.seen) {
      const entry = entries[at]
      if (entry?.kind === 'file') lines[at] = this.#lineOf({ ...entry, ...seen })
    }
    for (const at of made.reread) lines[at] = reread(lines[at] ?? '')
    for (const at of made.left) lines[at] = ''
    for (const fault of made.faults) this.#remark(entries[fault.at]?.name ?? '', fault)
  }

  #remark(name: string, fault: Made['faults'][number]): void {
    const { remarks } = this.#tools
    if (fault.what === 'notRead') remarks.notRead(name, fault)
    else if (fault.what === 'notReadWholly') remarks.notReadWholly(name, fault.read, fault.size, fault)
    else if (fault.what === 'replaced') remarks.replaced(name)
    else remarks.changedWhileRead(name, fault.text)
  }

  /** A line that no later one equals, where times and inode numbers prove nothing. */
  #lineOf(entry: Entry): string {
    const line = lineOf(entry)
    if (entry.kind !== 'file' || provesSameness(entry.dev, `${entry.root}/${entry.below}`)) return line
    this.#doubts = true
    return reread(line)
  }

  /** Returns the bytes of their content. */
  #count(entries: Entry[]): number {
    let bytes = 0
    for (const entry of entries) {
      if (entry.kind === 'directory') this.counts.directories++
      else if (entry.kind === 'file' || (entry.kind === 'hardLink' && entry.of === 'file')) this.counts.files++
      else if (entry.kind !== 'made') this.counts.others++
      if (entry.kind === 'file') bytes += entry.size
      else if (entry.kind === 'made') bytes += entry.content.length
    }
    this.counts.content_bytes += bytes
    this.#tools.pulse.files = this.counts.files
    this.#advance(0)
    return bytes
  }

  /** By a part of a file that is not counted yet. */
  #advance(bytes: number): void {
    this.#parts += bytes
    this.#tools.pulse.bytes = this.counts.content_bytes + this.#parts
  }
}

function paddingOf({ stored }: Pick<LargeFile, 'stored'>): number {
  return paddedSize(stored) - stored
}

function namesOf(file: FileEntry, further: Entry[]): Buffer {
  const heads = further.flatMap((entry) =>
    entry.kind === 'hardLink'
      ? [encodeHead({ ...file, name: entry.name, size: 0, typeflag: typeflags.hardLink, linkname: file.name })]
      : [],
  )
  return Buffer.concat(heads)
}

// A backup that is one tar in one file, made in one pass or in two: the first while the stack runs, the second while it is stopped,
// which reads only what changed since. What takes time and needs no sources comes after both.
import { closeSync } from 'node:fs'
import { Before } from './before.ts'
import { Exclusion } from './exclude.ts'
import { FramePool, type Thread } from './frame-pool.ts'
import { assemble } from './assemble.ts'
import { newKey } from './content-print.ts'
import { OrderedSink, SpoolSink, type FrameSink } from './frame-sink.ts'
import { fingerprintOf, type IndexReader, type Frame } from './index-file.ts'
import { IndexWriter } from './index-writer.ts'
import { indexPathOf } from './index-path.ts'
import { freeBytes, OutFile, scratchFile } from './out-file.ts'
import { Pass, type PassTools } from './pass.ts'
import { openPrevious, usable, type Previous } from './previous.ts'
import type { Packing } from './pack.ts'
import type { PackRequest, PackResult, TarFormat } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { Remarks } from './remarks.ts'
import { seekTable } from './seek-table.ts'
import { openGround, walkAll, type Ground } from './sources.ts'
import { orderOf, type WalkOrder } from './walk-order.ts'

const dayMs = 24 * 60 * 60 * 1000

export class TarPacking implements Packing {
  readonly #request: PackRequest & { format: TarFormat }
  readonly #remarks: Remarks
  readonly #pulse: Pulse
  readonly #now: Date
  readonly #ground: Ground
  readonly #inOrder: WalkOrder
  readonly #out: OutFile
  readonly #pool: FramePool
  readonly #previous: Previous | null
  readonly #key: string
  readonly #undo = new DisposableStack()
  /** Of the first pass, when a second one follows. */
  #first: { index: IndexReader; length: number } | undefined

  /** Throws an EngineError when the backup cannot be written or a source that is not optional cannot be read. */
  constructor(
    request: PackRequest & { format: TarFormat },
    remarks: Remarks,
    pulse: Pulse,
    now: Date,
    threads?: Thread[],
  ) {
    this.#request = request
    this.#remarks = remarks
    this.#pulse = pulse
    this.#now = now
    this.#ground = this.#undo.use(openGround(request.sources, request.exclude, remarks))
    this.#inOrder = orderOf(this.#ground.roots.map(({ name }) => name))
    this.#out = this.#undo.adopt(new OutFile(request.out), (out) => out.close())
    this.#ground.excluded.push(this.#out.stat())
    this.#previous = this.#openPrevious()
    if (!this.#previous?.sharesWith(this.#out.fd)) this.#out.allocateAhead()
    this.#key = this.#previous?.index.summary.key ?? newKey()
    this.#pool = new FramePool({ format: request.format, level: request.level, path: request.out }, threads)
  }

  async readAhead(): Promise<void> {
    const index = this.#scratchIndex('ahead')
    const sink = this.#sink()
    const unheard = new Remarks(() => {}) // whatever is wrong is met once more
    const pass = new Pass(this.#tools(sink, this.#beforeOfPrevious(), index, unheard))
    await pass.run(walkAll(this.#ground, new Exclusion(this.#request.patterns)))
    const length = await sink.length()
    this.#first = { index: index.finish(this.#summary(length, noFrame)), length }
  }

  async read(): Promise<() => Promise<PackResult>> {
    const index = this.#undo.adopt(
      IndexWriter.at(indexPathOf(this.#request.out), Number(this.#out.stat().mode & 0o777n)),
      (writer) => writer.close(),
    )
    this.#ground.excluded.push(index.stat())
    return this.#first ? this.#readAgain(this.#first, index) : this.#readOnce(index)
  }

  async #readOnce(index: IndexWriter): Promise<() => Promise<PackResult>> {
    const sink = this.#sink()
    const pass = await this.#readAll(this.#tools(sink, this.#beforeOfPrevious(), index, this.#remarks))
    return async () => this.#finish(index, pass, await sink.length())
  }

  /** Only what has changed since the first time. */
  async #readAgain(
    { index: first, length }: { index: IndexReader; length: number },
    index: IndexWriter,
  ): Promise<() => Promise<PackResult>> {
    const spool = scratchFile(`${this.#request.out}.spool`)
    this.#undo.defer(() => closeSync(spool))
    const dead: Frame[] = []
    const before = new Before(first.groups(), this.#inOrder, ({ frames }) => dead.push(...frames))
    const sink = new SpoolSink(this.#pool, spool, this.#today(), freeBytes(this.#request.out) / 2)
    const found = this.#scratchIndex('again')
    const pass = await this.#readAll(this.#tools(sink, { groups: before, isBackup: false }, found, this.#remarks))
    return async () => {
      const groups = found.finish(this.#summary(length, noFrame)).groups()
      const assembly = {
        pool: this.#pool,
        out: this.#out,
        format: this.#request.format,
        spool,
        length,
        unread: sink.unread,
        key: this.#key,
        dead,
        today: this.#today(),
        index,
        beat: () => this.#rest(),
      }
      return this.#finish(index, pass, await assemble(assembly, groups))
    }
  }

  async #readAll(tools: PassTools): Promise<Pass> {
    const { append, patterns } = this.#request
    const exclusion = new Exclusion(patterns)
    const pass = new Pass(tools)
    await pass.run(walkAll(this.#ground, exclusion))
    await pass.end(append, BigInt(this.#now.getTime()) * 1_000_000n)
    if (patterns.length > 0) this.#remarks.onAll('note', exclusion.inWords())
    this.#remarks.end()
    return pass
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]()
    this.#undo.dispose()
  }

  async #rest(): Promise<void> {
    if (this.#pulse.due()) await this.#pulse.beat()
  }

  #finish(index: IndexWriter, pass: Pass, length: number): PackResult {
    const { format } = this.#request
    const frames = index.framesByPlace()
    const table = seekTable(format, frames)
    this.#out.cut(length)
    this.#out.write(table, length)
    const size_bytes = length + table.length
    this.#out.flush()
    index.finish(this.#summary(size_bytes, frames.at(-1) ?? noFrame))
    index.flush()
    return {
      ...pass.counts,
      entry_count: index.entries,
      size_bytes,
      index_bytes: index.bytes,
      sha256: fingerprintOf(frames),
      unreadable_count: this.#remarks.unreadable,
      changed_count: this.#remarks.changed,
      lost_count: 0,
    }
  }

  #sink(): OrderedSink {
    return new OrderedSink(this.#pool, this.#out, this.#previous?.fd ?? -1, this.#today())
  }

  #scratchIndex(name: string): IndexWriter {
    return this.#undo.adopt(IndexWriter.scratch(`${this.#request.out}.${name}`), (writer) => writer.close())
  }

  #tools(sink: FrameSink, before: PassTools['before'], index: IndexWriter, remarks: Remarks): PassTools {
    return { pool: this.#pool, sink, before, index, key: this.#key, remarks, pulse: this.#pulse }
  }

  #openPrevious(): Previous | null {
    const { previous } = this.#request
    if (previous === null) return null
    return this.#undo.use(usable(openPrevious(previous, this.#request, this.#now), this.#remarks))
  }

  #beforeOfPrevious(): PassTools['before'] {
    return this.#previous && { groups: new Before(this.#previous.index.groups(), this.#inOrder), isBackup: true }
  }

  #today(): number {
    return Math.floor(this.#now.getTime() / dayMs)
  }

  #summary(archive_bytes: number, last: Frame) {
    const { format, level } = this.#request
    const made_at = this.#now.toISOString()
    const full_read_at = this.#previous?.index.summary.full_read_at ?? made_at
    return { format, level, archive_bytes, made_at, full_read_at, last, key: this.#key }
  }
}

const noFrame: Frame = { offset: 0, length: 0, raw: 0, hash: '', read: 0 }

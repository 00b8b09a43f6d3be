// A backup that is a folder, made in one pass or in two: the first while the stack runs, the second while it is stopped, which copies only what
// changed since, and moves all other files to their place.
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { removeTree } from '../remove-tree.ts'
import { openEarlier, openPreviousFolder, type EarlierFolder } from './earlier-folder.ts'
import { Entries } from './entries.ts'
import { Exclusion } from './exclude.ts'
import { FolderIndexWriter } from './folder-index.ts'
import { FolderWriter } from './folder-writer.ts'
import type { FolderSummary, IndexReader } from './index-file.ts'
import { indexPathOf } from './index-path.ts'
import { IndexWriter } from './index-writer.ts'
import { writing } from './out-file.ts'
import type { Packing } from './pack.ts'
import { usable } from './previous.ts'
import { EngineError, type PackRequest, type PackResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { readEveryTime, Remarks } from './remarks.ts'
import { identityOf, openGround, refuseOwnNames, walkAll, type Ground } from './sources.ts'
import { orderOf, type WalkOrder } from './walk-order.ts'

/** Within the backup, until it is finished: what earlier passes have copied. */
const ahead = '_ahead'

export class FolderPacking implements Packing {
  readonly #request: PackRequest
  readonly #remarks: Remarks
  readonly #pulse: Pulse
  readonly #now: Date
  readonly #undo = new DisposableStack()
  readonly #ground: Ground
  readonly #inOrder: WalkOrder
  readonly #previous: (EarlierFolder & { summary: FolderSummary }) | null
  /** Of the last pass, when one more follows. */
  #last: { folder: string; index: IndexReader<FolderSummary> } | undefined
  #passes = 0

  constructor(request: PackRequest, remarks: Remarks, pulse: Pulse, now: Date) {
    this.#request = request
    this.#remarks = remarks
    this.#pulse = pulse
    this.#now = now
    refuseOwnNames(request.sources, [ahead])
    this.#ground = this.#undo.use(openGround(request.sources, request.exclude, remarks))
    this.#inOrder = orderOf(this.#ground.roots.map(({ name }) => name))
    const own = identityOf(request.out)
    if (own) this.#ground.excluded.push(own)
    this.#previous = this.#openPrevious()
  }

  async readAhead(): Promise<void> {
    await this.#empty()
    const folder = this.#folderAhead()
    const index = this.#undo.adopt(IndexWriter.scratch(`${this.#request.out}.ahead`), (writer) => writer.close())
    const unheard = new Remarks(() => {}) // whatever is wrong is met once more
    using undo = new DisposableStack()
    const writer = undo.adopt(new FolderWriter(folder, unheard), (made) => made.close())
    await this.#addAll(writer, this.#previous, index, unheard)
    writer.finish()
    this.#last = { folder, index: index.finish(this.#summary()) }
  }

  async read(): Promise<() => Promise<PackResult>> {
    const { out, append } = this.#request
    if (this.#last?.folder === out) this.#putAside(this.#last)
    else if (!this.#last) await this.#empty()
    const index = this.#openIndex()
    using undo = new DisposableStack()
    const writer = undo.adopt(new FolderWriter(out, this.#remarks), (made) => made.close())
    const { folder = '', index: files } = this.#last ?? {}
    const earlier = files ? undo.use(openEarlier(folder, files, this.#inOrder, true)) : this.#previous
    const entries = await this.#addAll(writer, earlier, index, this.#remarks)
    for (const file of append) writer.append(file, BigInt(this.#now.getTime()) * 1_000_000n)
    const finished = writer.finish()
    this.#remarks.end()
    this.#last = { folder: out, index: index.finish(this.#summary()) }
    return async () => {
      await remove(join(out, ahead))
      index.flush()
      return {
        ...entries.counts,
        entry_count: entries.written + append.length,
        content_bytes: finished.size_bytes,
        ...finished,
        index_bytes: index.bytes,
        unreadable_count: this.#remarks.unreadable,
        changed_count: this.#remarks.changed,
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#undo.dispose()
  }

  async #addAll(
    writer: FolderWriter,
    earlier: EarlierFolder | null,
    into: IndexWriter,
    remarks: Remarks,
  ): Promise<Entries> {
    const { patterns } = this.#request
    const exclusion = new Exclusion(patterns)
    const index = new FolderIndexWriter(into)
    const entries = new Entries({ writer, earlier, index, remarks, pulse: this.#pulse })
    for (const found of walkAll(this.#ground, exclusion)) {
      if ('error' in found) remarks.notRead(found.name, found.error, found.contentOnly ? 'its content' : 'it')
      else await entries.add(found)
      if (this.#pulse.due()) await this.#pulse.beat()
    }
    index.end()
    if (patterns.length > 0) remarks.onAll('note', exclusion.inWords())
    if (entries.doubts) remarks.onAll('note', readEveryTime)
    return entries
  }

  #folderAhead(): string {
    const folder = join(this.#request.out, ahead, String(this.#passes++))
    writing(folder, () => mkdirSync(folder, { mode: 0o700, recursive: true }))
    return folder
  }

  /** A pass that has to be repeated: what it made is what the next one is made of. */
  #putAside(last: { folder: string }): void {
    const { out } = this.#request
    const names = readdirSync(out).filter((name) => name !== ahead)
    const folder = this.#folderAhead()
    for (const name of names) writing(out, () => renameSync(join(out, name), join(folder, name)))
    last.folder = folder
    // its index is still read
    rmSync(indexPathOf(out))
  }

  /** The folder itself is its owner's. */
  async #empty(): Promise<void> {
    const { out } = this.#request
    for (const name of readdirSync(out)) await remove(join(out, name))
  }

  #openIndex(): IndexWriter {
    const { out } = this.#request
    const mode = Number(identityOf(out)?.mode ?? 0o600n) & 0o666
    const index = this.#undo.adopt(IndexWriter.at(indexPathOf(out), mode), (writer) => writer.close())
    this.#ground.excluded.push(index.stat())
    return index
  }

  #openPrevious(): (EarlierFolder & { summary: FolderSummary }) | null {
    const { previous } = this.#request
    if (previous === null) return null
    const opened = openPreviousFolder(previous, this.#request, this.#inOrder, this.#now)
    return this.#undo.use(usable(opened, this.#remarks))
  }

  #summary(): Omit<FolderSummary, 'version' | 'entries'> {
    const made_at = this.#now.toISOString()
    return { format: 'folder', made_at, full_read_at: this.#previous?.summary.full_read_at ?? made_at }
  }
}

async function remove(path: string): Promise<void> {
  try {
    await removeTree(path)
  } catch (error) {
    throw new EngineError('EIO', `${path} cannot be removed: ${(error as Error).message}`)
  }
}

// A backup that is a folder, made in one pass.
import type { Packing } from './pack.ts'
import { Entries } from './entries.ts'
import { Exclusion } from './exclude.ts'
import { FolderWriter } from './folder-writer.ts'
import type { PackRequest, PackResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Remarks } from './remarks.ts'
import { identityOf, openGround, refuseOwnNames, walkAll, type Ground } from './sources.ts'

export class FolderPacking implements Packing {
  readonly #request: PackRequest
  readonly #remarks: Remarks
  readonly #pulse: Pulse
  readonly #now: Date
  readonly #undo = new DisposableStack()
  readonly #ground: Ground

  constructor(request: PackRequest, remarks: Remarks, pulse: Pulse, now: Date) {
    this.#request = request
    this.#remarks = remarks
    this.#pulse = pulse
    this.#now = now
    refuseOwnNames(request.sources)
    this.#ground = this.#undo.use(openGround(request.sources, request.exclude, remarks))
    const own = identityOf(request.out)
    if (own) this.#ground.excluded.push(own)
  }

  async readAhead(): Promise<void> {}

  async read(): Promise<() => Promise<PackResult>> {
    const { append, patterns } = this.#request
    const exclusion = new Exclusion(patterns)
    using undo = new DisposableStack()
    const writer = undo.adopt(new FolderWriter(this.#request.out, this.#remarks), (made) => made.close())
    const entries = new Entries(writer, this.#remarks, this.#pulse)
    for (const found of walkAll(this.#ground, exclusion)) {
      if ('error' in found) this.#remarks.notRead(found.name, found.error, found.contentOnly ? 'its content' : 'it')
      else await entries.add(found)
      if (this.#pulse.due()) await this.#pulse.beat()
    }
    for (const file of append) writer.append(file, BigInt(this.#now.getTime()) * 1_000_000n)
    const finished = writer.finish()
    if (patterns.length > 0) this.#remarks.onAll('note', exclusion.inWords())
    this.#remarks.end()
    return async () => ({
      ...entries.counts,
      reused_bytes: 0,
      entry_count: entries.written + append.length,
      content_bytes:
        entries.counts.bytes_read + append.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0),
      ...finished,
      index_bytes: 0,
      unreadable_count: this.#remarks.unreadable,
      changed_count: this.#remarks.changed,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#undo.dispose()
  }
}

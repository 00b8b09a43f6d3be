// Takes the bytes of a tar, in pieces of any length, and hands out its entries. Unlike tar-reader.ts, which finds any damage in what we
// made, it reads what others make, too.
import { BLOCK, paddedSize } from './header.ts'
import { applyRecords, decodeBlock, decodeRecords, extentsOf, gnuSparse, type TarHead } from './tar-head.ts'
import { Malformed } from './malformed.ts'

export interface TarTaker {
  entry(head: TarHead): void
  /** A piece of the last entry's content; valid during the call. */
  content(bytes: Buffer): void
  /** All of its content has come. */
  complete(): void
}

/** pax headers hold names and attributes; the kernel takes at most 64 KiB of each. */
const largestPaxHeader = 8 * 1024 * 1024
const mostSparseBlocks = 10_000

export class TarEntries {
  entries = 0
  readonly #taker: TarTaker
  /** Bytes of content still to come, and of filling behind them. */
  #content = 0
  #filling = 0
  /** What stands before an entry and is about it. */
  #before: { typeflag: string; pieces: Buffer[]; missing: number; filling: number } | undefined
  #global: [string, string][] = []
  #records: [string, string][] = []
  #sparse: { head: TarHead; numbers: number[]; size: number; blocks: number } | undefined
  #zeroBlocks = 0
  readonly #begun = Buffer.alloc(BLOCK)
  #begunLength = 0

  constructor(taker: TarTaker) {
    this.#taker = taker
  }

  /** Throws Malformed, and what the taker throws. */
  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#content > 0) {
        const length = Math.min(this.#content, bytes.length - at)
        this.#taker.content(bytes.subarray(at, at + length))
        this.#content -= length
        at += length
        if (this.#content === 0) this.#taker.complete()
      } else if (this.#before && this.#before.missing > 0) at += this.#gather(bytes.subarray(at))
      else if (this.#filling > 0) {
        const length = Math.min(this.#filling, bytes.length - at)
        this.#filling -= length
        at += length
      } else if (this.#begunLength === 0 && bytes.length - at >= BLOCK) {
        this.#block(bytes.subarray(at, at + BLOCK))
        at += BLOCK
      } else {
        const length = bytes.copy(this.#begun, this.#begunLength, at)
        this.#begunLength += length
        at += length
        if (this.#begunLength < BLOCK) return
        this.#begunLength = 0
        this.#block(this.#begun)
      }
    }
  }

  /** The next byte begins an entry, or ends the tar. */
  get isBetween(): boolean {
    return (
      this.#begunLength + this.#content + this.#filling === 0 &&
      !this.#before &&
      !this.#sparse &&
      this.#records.length === 0
    )
  }

  get hasEnded(): boolean {
    return this.#zeroBlocks >= 2
  }

  /** Bytes of content, and of filling, that the last entry still waits for. */
  get missing(): { content: number; filling: number } {
    return { content: this.#content, filling: this.#filling }
  }

  /** Call after the last byte. Throws Malformed. */
  end(): void {
    if (!this.isBetween) throw new Malformed('the tar ends within an entry')
    if (!this.hasEnded) throw new Malformed('the tar has no end-of-archive blocks')
  }

  #gather(bytes: Buffer): number {
    const before = this.#before
    if (!before) return 0
    const length = Math.min(before.missing, bytes.length)
    before.pieces.push(Buffer.from(bytes.subarray(0, length)))
    before.missing -= length
    if (before.missing > 0) return length
    this.#filling = before.filling
    this.#before = undefined
    this.#tell(
      before.typeflag,
      before.pieces.length === 1 ? (before.pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(before.pieces),
    )
    return length
  }

  #tell(typeflag: string, value: Buffer): void {
    const name = () => value.toString('latin1').replace(/\0[^]*$/, '')
    if (typeflag === 'g') this.#global.push(...decodeRecords(value).filter(([key]) => key !== 'comment'))
    else if (typeflag === 'x') this.#records.push(...decodeRecords(value))
    else this.#records.push([typeflag === 'L' ? 'path' : 'linkpath', name()])
  }

  #block(block: Buffer): void {
    // what follows the end may be anything: tapes have rests of older archives there
    if (this.#zeroBlocks >= 2) return
    if (this.#sparse) return this.#sparseBlock(block)
    if (block[0] === 0 && block.every((byte) => byte === 0)) {
      this.#zeroBlocks++
      return
    }
    this.#zeroBlocks = 0
    const { typeflag, head } = decodeBlock(block)
    if ('xgLK'.includes(typeflag)) {
      if (head.size > largestPaxHeader) throw new Malformed('the tar has a pax header that is too long')
      if (head.size > 0)
        this.#before = { typeflag, pieces: [], missing: head.size, filling: paddedSize(head.size) - head.size }
      return
    }
    if (this.#global.length > 0) applyRecords(head, this.#global)
    if (this.#records.length > 0) applyRecords(head, this.#records)
    this.#records = []
    if (head.size < 0) throw new Malformed('the tar has an entry of a negative size')
    if (typeflag !== 'S') return this.#entry(head)
    const { numbers, more, size } = gnuSparse(block, true)
    this.#sparse = { head, numbers, size, blocks: 0 }
    if (!more) this.#endSparse()
  }

  #sparseBlock(block: Buffer): void {
    const sparse = this.#sparse
    if (!sparse) return
    if (++sparse.blocks > mostSparseBlocks) throw new Malformed('the tar has a sparse file in too many parts')
    const { numbers, more } = gnuSparse(block, false)
    sparse.numbers.push(...numbers)
    if (!more) this.#endSparse()
  }

  #endSparse(): void {
    if (!this.#sparse) return
    const { head, numbers, size } = this.#sparse
    this.#sparse = undefined
    this.#entry({ ...head, sparse: { size, extents: extentsOf(numbers) } })
  }

  #entry(head: TarHead): void {
    // long ago a folder was a file whose name ends in "/"
    if (head.kind === 'file' && head.name.endsWith('/')) head.kind = 'directory'
    // links to what stands before them repeat its size in some tars, without content
    const hasContent = head.kind === 'file' || head.kind === 'unknown'
    this.entries++
    this.#content = hasContent ? head.size : 0
    this.#filling = hasContent ? paddedSize(head.size) - head.size : 0
    this.#taker.entry(head)
    if (this.#content === 0) this.#taker.complete()
  }
}

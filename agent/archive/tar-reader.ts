// Reads a tar for its form alone: every header, every size, the end. Headers are decoded by tar's Header; tar's Parser
// is not used, because it takes a tar without its end for complete, stops looking at the first two blocks of zeros,
// loses pax values with a newline in them, and makes an event emitter for each of a million entries.
import { Header } from 'tar'
import { BLOCK, paddedSize, typeflags } from './header.ts'
import { Malformed } from './malformed.ts'

/** pax headers hold names of at most some thousand bytes; more is a damaged size. */
const largestPaxHeader = 1024 * 1024

export class TarReader {
  entries = 0
  contentBytes = 0
  #skip = 0
  #pax: Buffer[] = []
  #paxMissing = 0
  #sizeFromPax: number | undefined
  #zeroBlocks = 0
  #afterPax = false
  /** Of a sparse file in GNU tar's own format: where its parts are. */
  #moreOfHead = false
  /** The beginning of a block whose end is still to come. */
  readonly #begun = Buffer.alloc(BLOCK)
  #begunLength = 0

  push(bytes: Buffer): void {
    let from = 0
    if (this.#begunLength > 0) {
      from = bytes.copy(this.#begun, this.#begunLength)
      this.#begunLength += from
      if (this.#begunLength < BLOCK) return
      this.#blocks(this.#begun)
    }
    const taken = this.#blocks(bytes.subarray(from))
    this.#begunLength = bytes.copy(this.#begun, 0, from + taken)
  }

  /** Takes whole blocks; returns how many bytes those were. */
  #blocks(bytes: Buffer): number {
    let at = 0
    while (at + BLOCK <= bytes.length) {
      const whole = bytes.length - (bytes.length % BLOCK) - at
      if (this.#moreOfHead) {
        this.#moreOfHead = bytes[at + 504] === 1
        at += BLOCK
      } else if (this.#skip > 0) {
        const length = Math.min(this.#skip, whole)
        this.#skip -= length
        at += length
      } else {
        const block = bytes.subarray(at, at + BLOCK)
        if (this.#paxMissing > 0) this.#paxBlock(block)
        else this.#header(block)
        at += BLOCK
      }
    }
    return at
  }

  /** Call where an entry has to be complete. */
  endOfPiece(): void {
    if (this.#begunLength > 0 || this.#skip > 0 || this.#paxMissing > 0)
      throw new Malformed('the tar ends within an entry')
    if (this.#afterPax) throw new Malformed('the tar ends after a pax header')
  }

  /** Call after the last byte. */
  end(): void {
    this.endOfPiece()
    if (this.#zeroBlocks < 2) throw new Malformed('the tar has no end-of-archive blocks')
  }

  #header(block: Buffer): void {
    const header = new Header(block)
    if (header.nullBlock) {
      this.#zeroBlocks++
      return
    }
    if (this.#zeroBlocks > 0) throw this.#malformed('data after its end')
    if (!header.cksumValid) throw this.#malformed('a header whose checksum is wrong')
    const { type, size: ownSize = 0 } = isCutAtSlash(block) ? new Header(withoutSlash(block)) : header
    const size = this.#sizeFromPax ?? ownSize
    switch (type) {
      case 'ExtendedHeader':
        if (this.#afterPax || size === 0 || size > largestPaxHeader) throw this.#malformed('a pax header out of place')
        this.#paxMissing = size
        this.#afterPax = true
        return
      case 'GlobalExtendedHeader':
        // a part that holds no more, or nothing that concerns us
        this.#skip = paddedSize(size)
        return
      case 'NextFileHasLongPath':
      case 'NextFileHasLongLinkpath':
        // GNU tar's own way of what pax headers do
        this.#skip = paddedSize(ownSize)
        return
      case 'SparseFile':
        this.#moreOfHead = block[482] === 1
        this.contentBytes += size
        this.#skip = paddedSize(size)
        break
      case 'File':
      case 'OldFile':
      case 'ContiguousFile':
        this.contentBytes += size
        this.#skip = paddedSize(size)
        break
      case 'Link':
      case 'SymbolicLink':
      case 'CharacterDevice':
      case 'BlockDevice':
      case 'Directory':
      case 'FIFO':
        if (size !== 0) throw this.#malformed(`content for an entry that has none (${type})`)
        break
      default:
        throw this.#malformed(`an entry of an unknown kind (${type})`)
    }
    if (block[0] === 0) throw this.#malformed('an entry without a name')
    this.entries++
    this.#afterPax = false
    this.#sizeFromPax = undefined
  }

  #paxBlock(block: Buffer): void {
    this.#pax.push(Buffer.from(block.subarray(0, Math.min(BLOCK, this.#paxMissing))))
    this.#paxMissing = Math.max(0, this.#paxMissing - BLOCK)
    if (this.#paxMissing > 0) return
    const records = Buffer.concat(this.#pax).toString('latin1')
    this.#pax = []
    for (let at = 0; at < records.length;) {
      const [, length, key] = /^(\d+) ([^=\n]+)=/.exec(records.slice(at, at + 100)) ?? []
      const end = at + Number(length)
      if (length === undefined || end > records.length || records[end - 1] !== '\n') {
        throw this.#malformed('a damaged pax record')
      }
      if (key === 'size') this.#sizeFromPax = Number(records.slice(records.indexOf('=', at) + 1, end - 1))
      at = end
    }
  }

  #malformed(what: string): Malformed {
    return new Malformed(`the tar has ${what} (entry ${this.entries + 1})`)
  }
}

/** Header takes a file whose name ends in "/" for a folder; but so ends one whose name was cut there, and is in the pax header. */
function isCutAtSlash(block: Buffer): boolean {
  return block[156] === typeflags.file.charCodeAt(0) && block[99] === '/'.charCodeAt(0)
}

function withoutSlash(block: Buffer): Buffer {
  const copy = Buffer.from(block)
  copy[99] = 0
  return copy
}

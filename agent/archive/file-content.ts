// Where the content of an entry goes in its file: as it comes, or around holes.
import { BLOCK } from './header.ts'
import type { Extent } from './system-calls.ts'
import { extentsOf, type TarHead } from './tar-head.ts'
import { Malformed } from './malformed.ts'

/** The map of a file in more parts is not read. Ours have at most 10,000. */
const longestMap = 32 * 1024 * 1024

export type Put = (bytes: Buffer, offset: number) => void

export class FileContent {
  /** Of the file, holes included. */
  readonly size: number
  /** Bytes of data in the tar, known once the map is. */
  stored: number
  /** In order; undefined until the map that stands before the data has come. */
  #extents: Extent[] | undefined
  #map: Buffer[] = []
  #mapLength = 0
  #mapLines = 0
  /** The extent that is being filled, and how far. */
  #at = 0
  #filled = 0

  /** Throws Malformed where parts overlap or do not fit. */
  constructor(head: TarHead) {
    this.size = head.sparse?.size ?? head.size
    this.stored = head.size
    if (!head.sparse) this.#extents = [{ offset: 0, length: head.size }]
    else if (head.sparse.extents) this.#setExtents(head.sparse.extents)
  }

  get extents(): readonly Extent[] | undefined {
    return this.#extents
  }

  push(bytes: Buffer, put: Put): void {
    let rest = bytes
    while (rest.length > 0 && !this.#extents) rest = this.#readMap(rest)
    while (rest.length > 0) {
      const extent = this.#extents?.[this.#at]
      if (!extent) throw new Malformed('the tar has more data for a file than its map tells')
      const length = Math.min(rest.length, extent.length - this.#filled)
      if (length > 0) put(rest.subarray(0, length), extent.offset + this.#filled)
      this.#filled += length
      rest = rest.subarray(length)
      if (this.#filled < extent.length) continue
      this.#at++
      this.#filled = 0
    }
  }

  /** Takes blocks of the map; returns what follows it. */
  #readMap(bytes: Buffer): Buffer {
    const room = BLOCK - (this.#mapLength % BLOCK)
    const piece = bytes.subarray(0, room)
    this.#map.push(Buffer.from(piece))
    this.#mapLength += piece.length
    for (const byte of piece) if (byte === 10) this.#mapLines++
    if (this.#mapLength % BLOCK === 0) this.#tryMap()
    return bytes.subarray(piece.length)
  }

  #tryMap(): void {
    if (this.#mapLength > longestMap) throw new Malformed('the tar has a sparse file in too many parts')
    const count = this.#firstLine()
    if (this.#mapLines < 1 + 2 * count) return
    const numbers = Buffer.concat(this.#map)
      .toString('latin1')
      .split('\n')
      .slice(1, 1 + 2 * count)
    this.#map = []
    if (!numbers.every((number) => /^\d{1,16}$/.test(number)))
      throw new Malformed('the tar has a damaged map of a sparse file')
    this.stored -= this.#mapLength
    this.#setExtents(extentsOf(numbers.map(Number)))
  }

  #firstLine(): number {
    const [line = ''] = (this.#map[0] ?? Buffer.alloc(0)).toString('latin1').split('\n', 1)
    const count = /^\d{1,9}$/.test(line) ? Number(line) : NaN
    if (!(count * 2 <= longestMap)) throw new Malformed('the tar has a damaged map of a sparse file')
    return count
  }

  #setExtents(extents: Extent[]): void {
    let end = 0
    let stored = 0
    for (const { offset, length } of extents) {
      if (offset < end || offset + length > this.size)
        throw new Malformed('the tar has a sparse file whose parts do not fit')
      end = offset + length
      stored += length
    }
    if (stored !== this.stored) throw new Malformed('the tar has a sparse file whose parts do not add up')
    this.#extents = extents
  }
}

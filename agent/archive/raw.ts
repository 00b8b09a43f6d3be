// A growing piece of tar that is to become a frame. The memory stays for the next one.
import { readSync } from 'node:fs'
import { CHUNK, LARGEST } from './frame.ts'

export class Raw {
  #buffer: Buffer
  length = 0

  constructor(room = LARGEST + CHUNK) {
    this.#buffer = Buffer.allocUnsafeSlow(room)
  }

  reset(): void {
    this.length = 0
  }

  add(bytes: Buffer): void {
    this.#room(bytes.length)
    this.length += bytes.copy(this.#buffer, this.length)
  }

  zeros(count: number): void {
    this.#room(count)
    this.#buffer.fill(0, this.length, this.length + count)
    this.length += count
  }

  /** Reads up to `most` bytes at `position` of an open file; answers how many. Throws the file's errors as they are. */
  readFrom(fd: number, most: number, position: number): number {
    this.#room(most)
    let read = 0
    while (read < most) {
      const length = readSync(fd, this.#buffer, this.length, most - read, position + read)
      if (length === 0) break
      this.length += length
      read += length
    }
    return read
  }

  /** Forgets what came after. */
  cut(length: number): void {
    this.length = length
  }

  /** Valid until the next change. */
  content(): Buffer {
    return this.#buffer.subarray(0, this.length)
  }

  #room(more: number): void {
    if (this.length + more <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.length + more, this.#buffer.length + CHUNK))
    this.#buffer.copy(larger, 0, 0, this.length)
    this.#buffer = larger
  }
}

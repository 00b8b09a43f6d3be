// Content as it is found on servers, the same for the same seed: text, programs, pages of a database, and what hardly compresses.
import { createCipheriv, createHash, type Cipheriv } from 'node:crypto'

/** Numbers from a seed. AES in counter mode: two gigabytes a second, and nothing compresses it. */
export class Chance {
  readonly #cipher: Cipheriv
  #numbers: Uint32Array = new Uint32Array(0)
  #next = 0

  constructor(seed: string) {
    this.#cipher = createCipheriv(
      'aes-128-ctr',
      createHash('sha256').update(seed).digest().subarray(0, 16),
      Buffer.alloc(16),
    )
  }

  /** A whole number below `end`. */
  below(end: number): number {
    if (this.#next === this.#numbers.length) {
      const bytes = this.bytes(64 * 1024)
      this.#numbers = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      this.#next = 0
    }
    return Math.floor(((this.#numbers[this.#next++] ?? 0) / 2 ** 32) * end)
  }

  /** Small ones are likelier, as with words and sizes of files: every doubling is as likely as the next. */
  spread(least: number, most: number): number {
    return Math.round(least * (most / least) ** (this.below(2 ** 30) / 2 ** 30))
  }

  bytes(length: number): Buffer {
    return this.#cipher.update(Buffer.alloc(length))
  }
}

export type Kind = 'text' | 'program' | 'database' | 'media'

export class Content {
  readonly #chance: Chance
  readonly #words: string[]
  readonly #phrases: Buffer[]
  readonly #instructions: Buffer[]

  constructor(seed: string) {
    const chance = new Chance(seed)
    this.#chance = chance
    const letters = 'eeeettttaaaooonnniiisssrrrhhlldddccuummffppggwwyybbvk'
    const word = () => Array.from({ length: 2 + chance.below(9) }, () => letters[chance.below(letters.length)]).join('')
    this.#words = Array.from({ length: 12_000 }, word)
    this.#phrases = Array.from({ length: 16_384 }, () => Buffer.from(this.#phrase()))
    this.#instructions = Array.from({ length: 32_768 }, () => chance.bytes(3 + chance.below(9)))
  }

  make(kind: Kind, length: number): Buffer {
    if (kind === 'media') return this.#chance.bytes(length)
    const content = Buffer.allocUnsafe(length)
    const piece = { text: () => this.#line(), program: () => this.#code(), database: () => this.#row() }[kind]
    for (let at = 0; at < length;) {
      for (const part of piece()) {
        if (at >= length) break
        content.set(part.length > length - at ? part.subarray(0, length - at) : part, at)
        at += part.length
      }
    }
    return content
  }

  #phrase(): string {
    const count = 2 + this.#chance.below(6)
    return Array.from({ length: count }, () => this.#words[this.#rank(this.#words.length)]).join(' ') + ' '
  }

  #rank(most: number): number {
    return this.#chance.spread(1, most) - 1
  }

  #line(): Buffer[] {
    const number = Buffer.from(`${this.#chance.below(100_000)} `)
    const phrases = Array.from({ length: 1 + this.#chance.below(4) }, () => this.#phrases[this.#rank(16_384)] ?? number)
    return [number, ...phrases, newline]
  }

  #code(): Buffer[] {
    const one = () => this.#instructions[this.#rank(32_768)] ?? newline
    return [one(), one(), one(), one()]
  }

  #row(): Buffer[] {
    const id = this.#instructions[this.#chance.below(32_768)] ?? ids
    return [id, ids, this.#phrases[this.#rank(16_384)] ?? ids, ids]
  }
}

const newline = Buffer.from('\n')
const ids = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 24, 0, 8, 0])

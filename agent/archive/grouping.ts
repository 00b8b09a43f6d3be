// Which entries share a frame. Borders follow the names (and the sizes): a new file changes the one group it falls into, and
// all others stay as they are, wherever in the tree it is.
import { BLOCK, paddedSize } from './header.ts'
import { CHUNK, LARGEST } from './frame.ts'

/**
 * Bytes of tar that a group has on average. Four times of it saves 1.1 % of space, and takes twice as long for what a day changes, half
 * as long again of it while the stack is stopped.
 */
const usual = 256 * 1024

/** Larger files are a group each, in chunks. */
export function isLarge(size: number): boolean {
  return size > CHUNK
}

/** Bytes of tar that an entry takes, about. */
export function weightOf(size: number): number {
  return 2 * BLOCK + paddedSize(size)
}

/** Whether a group that ends with this name ends there; the larger its entry, the likelier. */
export function endsGroup(name: string, weight: number): boolean {
  return hash(name) < Math.min(1, weight / usual) * 2 ** 32
}

/** Whether a group of this weight has no room for one more entry. */
export function overflows(weight: number, more: number): boolean {
  return weight + more > LARGEST
}

/** FNV-1a, with the end mixed as in MurmurHash3: its low bits alone would follow the last letter. */
function hash(name: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < name.length; at++) value = Math.imul(value ^ name.charCodeAt(at), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}

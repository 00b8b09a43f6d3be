// Writing past the page cache: that takes half of the system's share of the time, and leaves the memory to the files that the stacks
// themselves work with. Needs whole blocks in memory, too. What is taken over is written from the pages of the backup before, so that nothing
// is copied but by the device: 0.07 s of processor time for 900 MB instead of 0.5 s.
import { closeSync, constants, ftruncateSync, openSync, statfsSync, writeSync } from 'node:fs'
import { addressOf } from './system-calls.ts'
import { ALIGN } from './frame.ts'

/** <linux/magic.h>. Others have no direct way to the device (network, FUSE), or go there by way of checksums (Btrfs, ZFS). */
const known = [0xef53 /* ext2, ext3, ext4 */, 0x58465342 /* XFS */]

/** Whether these are block borders. */
export function isWhole(...places: number[]): boolean {
  return places.every((place) => place % ALIGN === 0)
}

/**
 * A further descriptor of an empty file that is open, past the page cache; null where that cannot be, as it is elsewhere than on Linux. It is
 * written to, to find out.
 */
export function openDirect(fd: number): number | null {
  const path = `/proc/self/fd/${fd}`
  let direct: number | undefined
  try {
    if (!known.includes(statfsSync(path).type)) return null
    direct = openSync(path, constants.O_RDWR | constants.O_DIRECT)
    writeSync(direct, blockBuffer(ALIGN).fill(0), 0, ALIGN, 0)
    ftruncateSync(fd, 0)
    return direct
  } catch {
    if (direct !== undefined) closeSync(direct)
    return null
  }
}

/** Begins on a block, as direct reading and writing wants it. */
export function blockBuffer(length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length + ALIGN)
  const begin = (ALIGN - (addressOf(buffer) % ALIGN)) % ALIGN
  return buffer.subarray(begin, begin + length)
}

// What kind of file system an entry is on, and what that says of its times and inode numbers.
import { statfsSync } from 'node:fs'
import { bytes } from './names.ts'

/** <linux/magic.h>. Not among them: tmpfs (its files go with the mount), network and FUSE file systems. */
const trusted: Record<number, string> = {
  0xef53: 'ext2, ext3, ext4',
  0x58465342: 'XFS',
  0x9123683e: 'Btrfs',
  0x2fc12fc1: 'ZFS',
  0xf2f52010: 'F2FS',
  0x794c7630: 'overlayfs',
  0xca451a4e: 'bcachefs',
}

const overlayfs = 0x794c7630

const types = new Map<bigint, number>()

/** Whether a file that has the times and the inode number it had is the same. `path` leads to something on it. */
export function provesSameness(dev: bigint, path: string): boolean {
  return typeOf(dev, path) in trusted
}

/** Whether the pages of its files are those of another file system below it, which `sync_file_range` does not reach. */
export function isLayered(dev: bigint, path: string): boolean {
  return typeOf(dev, path) === overlayfs
}

function typeOf(dev: bigint, path: string): number {
  let type = types.get(dev)
  if (type === undefined) {
    try {
      type = statfsSync(bytes(path)).type
    } catch {
      return 0
    }
    types.set(dev, type)
  }
  return type
}

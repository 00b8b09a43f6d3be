// Whether a file system's times and inode numbers prove that a file is as it was.
import { statfsSync } from 'node:fs'
import type { Seen } from './frame-jobs.ts'
import { bytes } from './walk.ts'

/** <linux/magic.h>. Not among them: tmpfs (times in ticks, content that goes with the mount), network and FUSE file systems. */
const trusted: Record<number, string> = {
  0xef53: 'ext2, ext3, ext4',
  0x58465342: 'XFS',
  0x9123683e: 'Btrfs',
  0x2fc12fc1: 'ZFS',
  0xf2f52010: 'F2FS',
  0x794c7630: 'overlayfs',
  0xca451a4e: 'bcachefs',
}

const overlay = 0x794c7630

export class FileSystems {
  readonly #types = new Map<bigint, number>()
  /** Whether any entry was on one that proves nothing. */
  doubted = false

  trusts(entry: Seen & { root: string; below: string }): boolean {
    const known = this.#typeOf(entry) in trusted
    if (!known) this.doubted = true
    return known
  }

  /** Where a store through mmap is not seen by `sync_file_range`: a layered file system keeps the pages below. */
  isLayered(entry: Seen & { root: string; below: string }): boolean {
    return this.#typeOf(entry) === overlay
  }

  #typeOf({ dev, root, below }: Seen & { root: string; below: string }): number {
    let type = this.#types.get(dev)
    if (type === undefined) {
      try {
        type = statfsSync(bytes(below === '' ? `${root}/.` : `${root}/${below}`)).type
      } catch {
        return 0
      }
      this.#types.set(dev, type)
    }
    return type
  }
}

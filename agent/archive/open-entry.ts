// Opens what the walk found, later and on another thread. A folder on the way may have become a link meanwhile: what is opened
// is what was found, or what has taken its place without any link on the way.
import { closeSync, constants, fstatSync, openSync, type BigIntStats } from 'node:fs'
import type { Seen } from './frame-jobs.ts'
import { bytes } from './names.ts'

/** The kernel takes paths of up to 4,095 bytes. */
const longest = 4000

/** Returns the file's descriptor. Throws a system error: ELOOP where a link is in the way. */
export function openEntry(entry: Seen & { root: string; below: string }, flags = 0): number {
  const { root, below } = entry
  // O_NONBLOCK: should a FIFO have taken its place, opening it must not wait for a writer
  const wanted = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | flags
  if (below === '') return openSync(bytes(`${root}/.`), wanted)
  if (root.length + below.length < longest) {
    const fd = openSync(bytes(`${root}/${below}`), wanted)
    if (isSame(fstatSync(fd, { bigint: true }), entry)) return fd
    closeSync(fd)
  }
  return stepwise(root, below, wanted)
}

function isSame(stat: BigIntStats, entry: Seen): boolean {
  return stat.ino === entry.ino && stat.dev === entry.dev
}

function stepwise(root: string, below: string, wanted: number): number {
  const steps = below.split('/')
  const last = steps.pop() ?? ''
  let folder = openSync(bytes(`${root}/.`), constants.O_RDONLY | constants.O_DIRECTORY)
  let reach = root.startsWith('/proc/self/fd/') ? `/proc/self/fd/${folder}` : root
  try {
    for (const step of steps) {
      const next = openSync(
        bytes(`${reach}/${step}`),
        constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
      )
      closeSync(folder)
      folder = next
      reach = root.startsWith('/proc/self/fd/') ? `/proc/self/fd/${folder}` : `${reach}/${step}`
    }
    return openSync(bytes(`${reach}/${last}`), wanted)
  } finally {
    closeSync(folder)
  }
}

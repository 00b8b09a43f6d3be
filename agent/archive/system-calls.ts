// System calls that Node does not offer: times to the nanosecond, special files, flushing a whole file system.
import { constants } from 'node:os'
import koffi from 'koffi'

// the symbols of the process itself: libc is among them, whichever it is
const libc = koffi.load(null)
const utimensat = libc.func('int utimensat(int dirfd, const uint8_t *path, const int64_t *times, int flags)')
const futimens = libc.func('int futimens(int fd, const int64_t *times)')

/** <fcntl.h>: paths are relative to the working directory; a link itself is meant. */
const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
/** <sys/stat.h>, as nanoseconds: this time stays as it is. */
const UTIME_OMIT = 0x3ffffffen

/** Sets when the file, or the symbolic link itself, was last changed. Throws a system error. */
export function setLinkTime(path: Buffer, mtimeNs: bigint): void {
  check('utimensat', utimensat(AT_FDCWD, terminated(path), times(mtimeNs), AT_SYMLINK_NOFOLLOW))
}

export function setTime(fd: number, mtimeNs: bigint): void {
  check('futimens', futimens(fd, times(mtimeNs)))
}

/** Makes a FIFO or a device; `mode` with its type. */
export function makeSpecial(path: Buffer, mode: number, rdev: bigint): void {
  const mknod = libc.func('int mknod(const uint8_t *path, uint32_t mode, uint64_t dev)')
  check('mknod', mknod(terminated(path), mode, rdev))
}

/** Everything on the file system of an open file is on its device when this returns. */
export function syncFileSystem(fd: number): void {
  const syncfs = libc.func('int syncfs(int fd)')
  check('syncfs', syncfs(fd))
}

function times(mtimeNs: bigint): BigInt64Array {
  let seconds = mtimeNs / 1_000_000_000n
  if (seconds * 1_000_000_000n > mtimeNs) seconds--
  return new BigInt64Array([0n, UTIME_OMIT, seconds, mtimeNs - seconds * 1_000_000_000n])
}

function terminated(path: Buffer): Buffer {
  return Buffer.concat([path, Buffer.alloc(1)])
}

function check(name: string, result: unknown): void {
  if (result === 0) return
  const errno = koffi.errno()
  const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? 'EIO'
  throw Object.assign(new Error(`${name} failed: ${code}`), { code })
}

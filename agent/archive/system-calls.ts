// System calls that Node does not offer: times to the nanosecond, special files, holes, extended attributes, copying within
// the kernel, flushing.
import { constants } from 'node:os'
import koffi from 'koffi'

// the symbols of the process itself: libc is among them, whichever it is
const libc = koffi.load(null)
const utimensat = libc.func('int utimensat(int dirfd, const uint8_t *path, const int64_t *times, int flags)')
const futimens = libc.func('int futimens(int fd, const int64_t *times)')

const lseek = libc.func('int64_t lseek(int fd, int64_t offset, int whence)')
const flistxattr = libc.func('int64_t flistxattr(int fd, uint8_t *list, uint64_t size)')
const fgetxattr = libc.func('int64_t fgetxattr(int fd, const char *name, uint8_t *value, uint64_t size)')
const fsetxattr = libc.func('int fsetxattr(int fd, const char *name, const uint8_t *value, uint64_t size, int flags)')
const syncFileRange = libc.func('int sync_file_range(int fd, int64_t offset, int64_t nbytes, uint32_t flags)')
const copyFileRange = libc.func(
  'int64_t copy_file_range(int from, int64_t *fromAt, int to, int64_t *toAt, uint64_t length, uint32_t flags)',
)
const fallocate = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)')
const mmap = libc.func('void *mmap(void *addr, uint64_t length, int protection, int flags, int fd, int64_t offset)')
const madvise = libc.func('int madvise(void *addr, uint64_t length, int advice)')
const munmap = libc.func('int munmap(void *addr, uint64_t length)')
const pwrite = libc.func('int64_t pwrite(int fd, void *from, uint64_t length, int64_t offset)')
const ioctl = libc.func('int ioctl(int fd, unsigned long request, ...)')

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

/** <unistd.h> */
const SEEK_DATA = 3
const SEEK_HOLE = 4

export interface Extent {
  offset: number
  length: number
}

/**
 * Where a file of `size` bytes holds data, in order; what lies between reads as zeros. One extent of all of it where the file
 * system does not tell.
 */
export function dataExtents(fd: number, size: number): Extent[] {
  const extents: Extent[] = []
  for (let at = 0; at < size;) {
    const offset = Number(lseek(fd, at, SEEK_DATA))
    if (offset < 0) {
      if (koffi.errno() === constants.errno.ENXIO) break
      return [{ offset: 0, length: size }]
    }
    if (offset >= size) break
    const end = Math.min(Number(lseek(fd, offset, SEEK_HOLE)), size)
    if (end <= offset) return [{ offset: 0, length: size }]
    extents.push({ offset, length: end - offset })
    at = end
  }
  return extents
}

const list = Buffer.allocUnsafe(64 * 1024)
const value = Buffer.allocUnsafe(64 * 1024)

/** Extended attributes of an open file, names as latin1, sorted; empty where there are none or the file system has none. */
export function attributesOf(fd: number): [name: string, value: Buffer][] {
  const length = Number(flistxattr(fd, list, list.length))
  if (length <= 0) return []
  const names = list.toString('latin1', 0, length).split('\0').slice(0, -1).sort()
  return names.flatMap((name) => {
    const size = Number(fgetxattr(fd, name, value, value.length))
    return size < 0 ? [] : [[name, Buffer.from(value.subarray(0, size))] as [string, Buffer]]
  })
}

/** Throws a system error. */
export function setAttribute(fd: number, name: string, bytes: Buffer): void {
  check(`fsetxattr ${name}`, fsetxattr(fd, name, bytes, bytes.length, 0))
}

/** <linux/fs.h>: what is being written is waited for, and the rest begun, which protects every page against unseen stores. */
const SYNC_FILE_RANGE_WAIT_BEFORE = 1
const SYNC_FILE_RANGE_WRITE = 2

/** Lets the device begin with what was written, instead of waiting for the end. */
export function writeBehind(fd: number, offset: number, length: number): void {
  syncFileRange(fd, offset, length, SYNC_FILE_RANGE_WRITE)
}

/** Begins to write what is dirty: a later store through mmap into it then moves the file's time. */
export function beginWriteBack(fd: number): void {
  syncFileRange(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE)
}

/**
 * Copies within the kernel. Resolves with the bytes copied, fewer than `length` where it chooses, none at the source's end. Rejects with a
 * system error.
 */
export async function copyRange(
  from: number,
  fromAt: number,
  to: number,
  toAt: number,
  length: number,
): Promise<number> {
  const source = new BigInt64Array([BigInt(fromAt)])
  const target = new BigInt64Array([BigInt(toAt)])
  const copied = Number(await elsewhere(copyFileRange, from, source, to, target, length, 0))
  // the error's number stayed with the thread
  return copied >= 0 ? copied : checked('copy_file_range', copyFileRange(from, source, to, target, length, 0))
}

/** <linux/fs.h>, as most processors have it; others refuse it. */
const FICLONERANGE = 0x4020940d

/**
 * Lets `to` share a range of blocks of another file, from `at` on; `length` 0 means up to the other's end, and then `at` is at or behind that
 * of `to`. False where the file system cannot, or both are not on the same.
 */
export function shareBlocks(from: number, offset: number, to: number, at: number, length: number): boolean {
  const range = new BigUint64Array([BigInt(from), BigInt(offset), BigInt(length), BigInt(at)])
  return ioctl(to, FICLONERANGE, 'uint64_t *', range) === 0
}

/** <sys/mman.h> */
const PROT_READ = 1
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn
const MADV_POPULATE_READ = 22

/**
 * Writes a range of one file into another that was opened with O_DIRECT, from the pages of the first, which are not copied. All on page
 * borders. Resolves with the bytes written, none where the first cannot be read. Rejects with a system error.
 */
export async function writeFromPages(
  from: number,
  offset: number,
  to: number,
  at: number,
  length: number,
): Promise<number> {
  const pages = mmap(null, length, PROT_READ, MAP_SHARED, from, offset)
  if (BigInt(koffi.address(pages)) === MAP_FAILED) return 0
  try {
    // nothing but the kernel reads the pages: a file that is cut meanwhile is an error to it, and the end of whoever else does
    if ((await elsewhere(madvise, pages, length, MADV_POPULATE_READ)) !== 0) return 0
    const written = Number(await elsewhere(pwrite, to, pages, length, at))
    return written >= 0 ? written : checked('pwrite', pwrite(to, pages, length, at))
  } finally {
    munmap(pages, length)
  }
}

type Call = ReturnType<typeof libc.func>

/** On a thread that may wait. */
function elsewhere(call: Call, ...args: unknown[]): Promise<number | bigint> {
  return new Promise((done, failed) => {
    call.async(...args, (error: unknown, result: number | bigint) => (error ? failed(error as Error) : done(result)))
  })
}

function checked(name: string, result: unknown): number {
  if (Number(result) < 0) throw systemError(name)
  return Number(result)
}

/** <linux/stat.h> */
const STATX_BASIC_STATS_AND_BTIME = 0xfff
const statx = known('int statx(int dirfd, const uint8_t *name, int flags, uint32_t mask, uint8_t *answer)')

/** Fills a struct statx; `name` ends in a zero byte, and is no path. Returns 0, the error's number, or null where there is no such call. */
export function askState(folder: number, name: Buffer, answer: Buffer): number | null {
  if (!statx) return null
  return statx(folder, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS_AND_BTIME, answer) === 0 ? 0 : koffi.errno()
}

/** Null for what this libc does not have. */
function known(declaration: string): ReturnType<typeof libc.func> | null {
  try {
    return libc.func(declaration)
  } catch {
    return null
  }
}

export function addressOf(buffer: Buffer): number {
  return Number(koffi.address(buffer))
}

/** <linux/falloc.h> */
const FALLOC_FL_KEEP_SIZE = 1
const FALLOC_FL_PUNCH_HOLE = 2

/** Gives a range its blocks, and the file its length; where the file system cannot, or is full, it is left to those who write. */
export function allocate(fd: number, offset: number, length: number): void {
  fallocate(fd, 0, offset, length)
}

/** Makes a range read as zeros and gives its blocks back; false where the file system cannot. */
export function punchHole(fd: number, offset: number, length: number): boolean {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) === 0
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
  if (result !== 0) throw systemError(name)
}

function systemError(name: string): Error {
  return errorOf(name, koffi.errno())
}

export function errorOf(name: string, errno: number): NodeJS.ErrnoException {
  const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? 'EIO'
  return Object.assign(new Error(`${name} failed: ${code}`), { code })
}

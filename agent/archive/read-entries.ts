// Reads a backup from its beginning to its end, and hands out its entries with their content: what is done without an index.
import { closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs'
import type { ArchiveFormat } from 'db/domain/archive'
import { attributeRecords } from './attributes.ts'
import { decoderOf } from './decoders.ts'
import { entriesOf, ownFolders } from './folder-backup.ts'
import { openReading } from './open-reading.ts'
import { EngineError, type TarFormat } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { dataExtents } from './system-calls.ts'
import { TarEntries, type TarTaker } from './tar-entries.ts'
import { decodeRecords, type HeadKind, type TarHead } from './tar-head.ts'
import { bytes } from './names.ts'
import type { Found } from './walk.ts'
import { printable, reasonOf } from './words.ts'

const MiB = 1024 * 1024

/** Throws an EngineError, CORRUPT for damage; what came before it was handed out. */
export async function readEntries(file: string, format: ArchiveFormat, taker: TarTaker, pulse: Pulse): Promise<void> {
  if (format === 'folder') return readFolder(file, taker, pulse)
  using opened = openReading(file)
  await readTar(file, opened.fd, format, taker, pulse)
}

async function readTar(file: string, fd: number, format: TarFormat, taker: TarTaker, pulse: Pulse): Promise<void> {
  const entries = new TarEntries(taker)
  const decoder = decoderOf(format, (bytes) => entries.push(bytes))
  const input = Buffer.allocUnsafe(MiB / 4)
  try {
    for (let length = -1; length !== 0;) {
      length = readSync(fd, input, 0, input.length, null)
      if (length > 0) await decoder.push(input.subarray(0, length))
      if (pulse.due()) await pulse.beat()
    }
    await decoder.end()
    entries.end()
  } catch (error) {
    if (error instanceof EngineError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code?.startsWith('E')) throw new EngineError(code, `${file} cannot be read: ${reasonOf(error)}`)
    throw new EngineError('CORRUPT', `${file} is damaged: ${message}`)
  }
}

/** As the tar that would have been made of it. */
async function readFolder(folder: string, taker: TarTaker, pulse: Pulse): Promise<void> {
  const firstNames = new Map<string, string>()
  const buffer = Buffer.allocUnsafe(MiB)
  let at = folder
  try {
    for (const found of entriesOf(folder)) {
      at = `${folder}/${printable(found.name)}`
      if ('error' in found) throw found.error
      if (ownFolders.includes(found.name)) continue
      const head = headOf(found, firstNames)
      if (head.kind === 'file') await readFile(found, head, taker, buffer, pulse)
      else {
        taker.entry(head)
        taker.complete()
      }
      if (pulse.due()) await pulse.beat()
    }
  } catch (error) {
    if (error instanceof EngineError) throw error
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    throw new EngineError(code, `${at} cannot be read back: ${reasonOf(error)}`)
  }
}

function headOf({ name, path, stat }: Found, firstNames: Map<string, string>): TarHead {
  const identity = `${stat.dev}:${stat.ino}`
  const first = stat.nlink > 1n && !stat.isDirectory() ? firstNames.get(identity) : undefined
  if (first === undefined && stat.nlink > 1n && !stat.isDirectory()) firstNames.set(identity, name)
  const head: TarHead = {
    name,
    kind: first === undefined ? kindOf(stat) : 'hardLink',
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeNs: stat.mtimeNs,
    size: 0,
    linkname: first ?? (stat.isSymbolicLink() ? readlinkSync(bytes(path), 'latin1') : ''),
    rdev: stat.rdev,
    sparse: null,
    records: [],
  }
  if (head.kind === 'directory') head.records = whileOpen(bytes(path), constants.O_DIRECTORY, recordsOf)
  return head
}

function kindOf(stat: Found['stat']): HeadKind {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isFIFO()) return 'fifo'
  if (stat.isBlockDevice()) return 'blockDevice'
  return stat.isCharacterDevice() ? 'characterDevice' : 'unknown'
}

async function readFile(
  { path, stat }: Found,
  head: TarHead,
  taker: TarTaker,
  buffer: Buffer,
  pulse: Pulse,
): Promise<void> {
  await whileOpen(bytes(path), constants.O_NONBLOCK, async (fd) => {
    head.records = recordsOf(fd)
    const size = Number(stat.size)
    const hasHoles = stat.blocks * 512n < stat.size
    const extents = hasHoles ? dataExtents(fd, size) : [{ offset: 0, length: size }]
    head.size = extents.reduce((sum, { length }) => sum + length, 0)
    if (hasHoles) head.sparse = { size, extents }
    taker.entry(head)
    for (const { offset, length } of extents) {
      for (let done = 0; done < length;) {
        const read = readSync(fd, buffer, 0, Math.min(buffer.length, length - done), offset + done)
        if (read === 0) throw new EngineError('CORRUPT', `${printable(head.name)} shrank while it was read`)
        taker.content(buffer.subarray(0, read))
        done += read
        if (pulse.due()) await pulse.beat()
      }
    }
    taker.complete()
  })
}

function recordsOf(fd: number): [string, string][] {
  return decodeRecords(Buffer.from(attributeRecords(fd), 'latin1'))
}

function whileOpen<T>(path: Buffer, flags: number, work: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | flags)
  const close = () => closeSync(fd)
  try {
    const result = work(fd)
    if (result instanceof Promise) return result.finally(close) as T
    close()
    return result
  } catch (error) {
    close()
    throw error
  }
}

// Makes the index of a backup anew, from the backup alone. It serves to list, verify and unpack; packing takes nothing over by it, because
// change times and inode numbers are not in a tar.
import { fstatSync, readSync, renameSync, rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { lineOf, reread } from './entry-line.ts'
import { findFrames, NotInParts } from './find-frames.ts'
import { codecOf, type Codec } from './frame.ts'
import type { Entry } from './frame-jobs.ts'
import type { Frame, Group } from './index-file.ts'
import { IndexWriter } from './index-writer.ts'
import { indexPathOf } from './index-path.ts'
import { openReading } from './open-reading.ts'
import { EngineError, type TarFormat } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Stretch } from './seek-table.ts'
import { TarEntries } from './tar-entries.ts'
import type { TarHead } from './tar-head.ts'

const MiB = 1024 * 1024
/** Ours hold less. */
const longest = 32 * MiB

/**
 * Writes FILE.index; false when the backup cannot be read in parts, and nothing was written. Throws an EngineError, CORRUPT for damage.
 */
export async function rebuildIndex(file: string, format: TarFormat, pulse: Pulse): Promise<boolean> {
  using opened = openReading(file)
  const partial = join(dirname(file), `.${basename(file)}.index.partial`)
  const index = IndexWriter.at(partial, 0o600)
  try {
    const last = await writeGroups(opened.fd, format, index, pulse)
    if (!last) return false
    const { size, mtime } = fstatSync(opened.fd)
    // every file is read before anything is taken over
    const never = new Date(0).toISOString()
    index.finish({
      format,
      level: 0,
      archive_bytes: size,
      made_at: mtime.toISOString(),
      full_read_at: never,
      last,
      key: '',
    })
    index.flush()
    renameSync(partial, indexPathOf(file))
    return true
  } catch (error) {
    if (error instanceof NotInParts) return false
    if (error instanceof EngineError) throw error
    throw new EngineError('CORRUPT', `${file} is damaged: ${(error as Error).message}`)
  } finally {
    index.close()
    rmSync(partial, { force: true })
  }
}

/** Returns the last frame; null when frames do not hold what ours do. */
async function writeGroups(fd: number, format: TarFormat, index: IndexWriter, pulse: Pulse): Promise<Frame | null> {
  const groups = new Groups(index)
  const codec = codecOf(format, 1)
  let last: Frame | null = null
  for (const stretch of framesIn(fd, format)) {
    if (stretch.length > longest || stretch.raw > longest) return null
    const { frame, content } = readFrame(fd, stretch, codec)
    if (!groups.add(frame, content)) return null
    last = frame
    pulse.bytes += frame.raw
    if (pulse.due()) await pulse.beat()
  }
  return groups.end() ? last : null
}

function* framesIn(fd: number, format: TarFormat): Generator<Stretch, void, void> {
  yield* findFrames(fd, format) ?? []
}

let storedBytes = Buffer.alloc(0)
let contentBytes = Buffer.alloc(0)

/** `content` is valid until the next call. */
function readFrame(fd: number, { offset, length, raw }: Stretch, codec: Codec): { frame: Frame; content: Buffer } {
  if (storedBytes.length < length) storedBytes = Buffer.allocUnsafeSlow(length)
  if (contentBytes.length < raw) contentBytes = Buffer.allocUnsafeSlow(raw)
  const stored = storedBytes.subarray(0, length)
  const content = contentBytes.subarray(0, raw)
  if (readSync(fd, stored, 0, length, offset) < length) throw new Error('it ends too early')
  if (codec.decode(stored, content) !== raw) throw new Error('a part of it is shorter than it should be')
  const hash = createHash('sha256').update(stored).digest('base64url')
  return { frame: { offset, length, raw, hash, read: Math.floor(Date.now() / 86_400_000) }, content }
}

/** Puts frames back into the groups they were made of. */
class Groups {
  readonly #index: IndexWriter
  #heads: TarHead[] = []
  #entries = this.#newEntries()
  /** Of a large file; its further names may still follow. */
  #large: { group: Group; name: string } | undefined
  #section: Group['of'] = 'files'
  #hasEnded = false

  constructor(index: IndexWriter) {
    this.#index = index
  }

  /** False when this is no frame of ours. */
  add(frame: Frame, content: Buffer): boolean {
    if (this.#hasEnded) return false
    if (!this.#entries.isBetween) {
      this.#entries.push(content)
      this.#large?.group.frames.push(frame)
      return this.#heads.length === 1
    }
    this.#heads = []
    this.#entries = this.#newEntries()
    this.#entries.push(content)
    this.#hasEnded = this.#entries.hasEnded
    const large = this.#large
    if (
      large &&
      this.#heads.length > 0 &&
      this.#heads.every(({ kind, linkname }) => kind === 'hardLink' && linkname === large.name)
    ) {
      large.group.frames.push(frame)
      large.group.lines.push(...this.#heads.map((head) => lineFor(head, false)))
      return this.#entries.isBetween
    }
    this.#flush()
    const [first] = this.#heads
    const group = {
      of: this.#sectionOf(),
      frames: [frame],
      lines: this.#heads.map((head) => lineFor(head, this.#hasEnded)),
      taken: false,
    }
    if (this.#entries.isBetween) this.#index.group(group)
    else if (this.#heads.length === 1 && first?.kind === 'file') this.#large = { group, name: first.name }
    else return false
    // what comes behind folders would move their times
    const isInOrder = this.#section !== 'folders' || group.of === 'folders' || group.of === 'made'
    this.#section = group.of
    return isInOrder
  }

  /** False when the end of the tar is missing. */
  end(): boolean {
    this.#flush()
    return this.#hasEnded
  }

  #flush(): void {
    if (this.#large) this.#index.group(this.#large.group)
    this.#large = undefined
  }

  #sectionOf(): Group['of'] {
    if (this.#hasEnded) return 'made'
    if (this.#heads.every(({ kind }) => kind === 'directory')) return 'folders'
    return this.#heads.some(({ kind }) => kind === 'hardLink') ? 'links' : 'files'
  }

  #newEntries(): TarEntries {
    return new TarEntries({ entry: (head) => this.#heads.push(head), content: () => {}, complete: () => {} })
  }
}

function lineFor(head: TarHead, isMade: boolean): string {
  const { kind, name, mode, uid, gid, mtimeNs, rdev, linkname, sparse, size } = head
  const plain = name.endsWith('/') ? name.slice(0, -1) : name
  const placed = { name: plain, mode, uid, gid, mtimeNs, rdev, ctimeNs: 0n, dev: 0n, ino: 0n, root: '', below: '' }
  if (kind === 'file' && isMade)
    return lineOf({ kind: 'made', name: plain, mode, mtimeNs, content: { length: size } as Buffer })
  if (kind === 'hardLink') return lineOf({ ...placed, kind, first: linkname, of: 'file', size: 0 })
  if (kind === 'unknown') throw new Error('it holds an entry of an unknown kind')
  const entry = {
    ...placed,
    kind,
    size: sparse?.size ?? size,
    ...(kind === 'symlink' ? { target: linkname } : {}),
  } as Entry
  return reread(lineOf(entry))
}

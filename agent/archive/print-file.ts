// The content of one file of a backup, as a stream of bytes, holes as zeros.
import { fstatSync } from 'node:fs'
import type { ArchiveFormat } from 'db/domain/archive'
import { mayBegin, parseLine } from './entry-line.ts'
import { FileContent } from './file-content.ts'
import { codecOf } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import type { Group, IndexReader } from './index-file.ts'
import { groupsIn, openIndexOf } from './index-of.ts'
import { openReading } from './open-reading.ts'
import { EngineError } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { partsOf } from './selection.ts'
import { TarEntries, type TarTaker } from './tar-entries.ts'
import type { TarHead } from './tar-head.ts'
import { printable } from './words.ts'

/**
 * `name`: bytes as latin1. `write` has taken the bytes when it returns. Throws an EngineError: ENOENT when there is no such file, CORRUPT
 * for damage, in which case what was written is not all.
 */
export async function printFile(
  file: string,
  format: ArchiveFormat,
  name: string,
  write: (bytes: Buffer) => void,
  pulse: Pulse,
): Promise<void> {
  using opened = format === 'folder' ? null : openReading(file)
  using indexed = opened ? openIndexOf(file, fstatSync(opened.fd).size) : null
  const wanted = partsOf(name)?.join('/') ?? name
  let found = new Printer(wanted, write)
  if (opened && indexed?.index) readGroupOf(file, opened.fd, indexed.index, found)
  else {
    // loads what reading all of it takes, which to print one file by its index does not
    const { readEntries } = await import('./read-entries.ts')
    await readEntries(file, format, found, pulse)
    if (found.linkedTo !== undefined) {
      found = new Printer(found.linkedTo, write)
      await readEntries(file, format, found, pulse)
    }
  }
  if (!found.isDone) throw new EngineError('ENOENT', `there is no file ${printable(name)} in ${file}`)
}

function readGroupOf(file: string, fd: number, index: IndexReader, printer: Printer): void {
  for (const group of groupsIn(index)) {
    const first = contentNameIn(group, printer.name)
    if (first === null) continue
    printer.name = first
    const reader = new FrameReader(file, codecOf(index.summary.format, index.summary.level))
    const entries = new TarEntries(printer)
    for (const frame of group.frames) if (!printer.isDone) entries.push(reader.read(fd, frame))
  }
}

/** The name in a group that has the content of this one. */
function contentNameIn({ lines }: Group, name: string): string | null {
  if (!lines.some((line) => mayBegin(line, name))) return null
  for (const { type, name: own, target } of lines.map(parseLine))
    if (own === name && (type === 'f' || type === 'a' || type === 'h')) return target ?? own
  return null
}

class Printer implements TarTaker {
  name: string
  isDone = false
  linkedTo: string | undefined
  readonly #write: (bytes: Buffer) => void
  #content: FileContent | undefined
  #at = 0

  constructor(name: string, write: (bytes: Buffer) => void) {
    this.name = name
    this.#write = write
  }

  entry(head: TarHead): void {
    if (this.isDone || partsOf(head.name)?.join('/') !== this.name) return
    if (head.kind === 'hardLink') this.linkedTo = partsOf(head.linkname)?.join('/')
    if (head.kind === 'file') this.#content = new FileContent(head)
  }

  content(bytes: Buffer): void {
    this.#content?.push(bytes, (data, offset) => {
      this.#zerosUpTo(offset)
      this.#write(data)
      this.#at += data.length
    })
  }

  complete(): void {
    if (!this.#content) return
    this.#zerosUpTo(this.#content.size)
    this.#content = undefined
    this.isDone = true
  }

  #zerosUpTo(offset: number): void {
    for (const zeros = Buffer.alloc(Math.min(65_536, Math.max(0, offset - this.#at))); this.#at < offset;) {
      const piece = zeros.subarray(0, offset - this.#at)
      this.#write(piece)
      this.#at += piece.length
    }
  }
}

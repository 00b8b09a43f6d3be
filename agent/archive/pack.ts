// Packs folders into one file: a single pax tar stream, compressed by zstd on all cores as one frame. Every byte of
// every source is read every time. This module is the seam of the engine: its callers know only request and result,
// so what lies between the walk and the file (how entries are grouped, what is reused) can change without them.
import { closeSync, statSync, type BigIntStats } from 'node:fs'
import { EntryWriter } from './entries.ts'
import { encodeHead, endOfArchive, paddedSize, typeflags } from './header.ts'
import { EngineError, type AppendedFile, type PackRequest, type PackResult, type Source } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Remarks } from './remarks.ts'
import { latin1, openRoot, walk, type OpenFolder } from './walk.ts'
import { reasonOf } from './words.ts'
import { ZstdFile } from './zstd-file.ts'

/** Throws an EngineError when the file cannot be written or a source that is not optional cannot be read. */
export async function pack(request: PackRequest, remarks: Remarks, pulse: Pulse, now: Date): Promise<PackResult> {
  const roots: OpenFolder[] = []
  let out: ZstdFile | undefined
  try {
    openRoots(request.sources, roots, remarks) // all of them first: a missing source then costs no time
    out = new ZstdFile(request.out, request.level)
    const excluded = [...request.exclude.map(identityOf).filter((stat) => stat !== undefined), out.stat()]
    const entries = new EntryWriter(out, remarks, pulse)
    for (let root = roots.shift(); root !== undefined; root = roots.shift()) {
      for (const found of walk(root, excluded)) {
        if ('error' in found) remarks.notRead(found.name, found.error, found.contentOnly ? 'its content' : 'it')
        else await entries.add(found)
        if (pulse.due()) await pulse.beat()
      }
    }
    for (const file of request.append) append(out, file, now)
    out.write(endOfArchive)
    remarks.end()
    const appendedBytes = request.append.reduce((sum, file) => sum + Buffer.byteLength(file.content), 0)
    return {
      ...entries.counts,
      entry_count: entries.written + request.append.length,
      content_bytes: entries.counts.bytes_read + appendedBytes,
      ...out.finish(),
      unreadable_count: remarks.unreadable,
      changed_count: remarks.changed,
    }
  } finally {
    out?.close()
    for (const root of roots) closeSync(root.fd)
  }
}

function openRoots(sources: Source[], roots: OpenFolder[], remarks: Remarks): void {
  for (const source of sources) {
    try {
      roots.push(openRoot(source))
    } catch (error) {
      const text = `the folder ${source.path} cannot be read: ${reasonOf(error)}`
      if (!source.optional) throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', text)
      remarks.note(latin1(source.prefix), text)
    }
  }
}

function identityOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

function append(out: ZstdFile, file: AppendedFile, now: Date): void {
  const content = Buffer.from(file.content)
  out.write(
    encodeHead({
      name: latin1(file.name),
      typeflag: typeflags.file,
      mode: file.mode,
      uid: 0,
      gid: 0,
      size: content.length,
      mtimeNs: BigInt(now.getTime()) * 1_000_000n,
    }),
  )
  out.write(content)
  out.write(Buffer.alloc(paddedSize(content.length) - content.length))
}

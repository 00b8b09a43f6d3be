// Packs folders into a backup of any format. Every byte of every source is read every time. This module is the seam of
// the engine: its callers know only request and result, so what lies between the walk and the backup (how entries are
// grouped, what is reused) can change without them.
import { closeSync, statSync, type BigIntStats } from 'node:fs'
import { openWriter, type BackupWriter } from './backup-writer.ts'
import { Entries } from './entries.ts'
import { Exclusion } from './exclude.ts'
import { entriesOf, ownFolders } from './folder-backup.ts'
import { EngineError, type PackFolderRequest, type PackRequest, type PackResult, type Source } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Remarks } from './remarks.ts'
import { latin1, openRoot, walk, type Found, type OpenFolder, type Unvisited } from './walk.ts'
import { reasonOf } from './words.ts'

/** Throws an EngineError when the backup cannot be written or a source that is not optional cannot be read. */
export async function pack(request: PackRequest, remarks: Remarks, pulse: Pulse, now: Date): Promise<PackResult> {
  refuseOwnNames(request)
  const roots: OpenFolder[] = []
  let writer: BackupWriter | undefined
  try {
    openRoots(request.sources, roots, remarks) // all of them first: a missing source then costs no time
    writer = openWriter(request, remarks)
    const excluded = [...request.exclude.map(identityOf).filter((stat) => stat !== undefined), writer.stat()]
    const exclusion = new Exclusion(request.patterns)
    const result = await write(walkAll(roots, excluded, exclusion), request.append, writer, remarks, pulse, now)
    if (request.patterns.length > 0) remarks.onAll('note', exclusion.inWords())
    return result
  } finally {
    writer?.close()
    for (const root of roots) closeSync(root.fd)
  }
}

/** Packs a folder backup as it lies there. What cannot be read is damage, and ends it. */
export async function packFolder(
  { folder, out, level }: PackFolderRequest,
  remarks: Remarks,
  pulse: Pulse,
  now: Date,
): Promise<PackResult> {
  const writer = openWriter({ out, format: 'tar.zst', level }, remarks)
  try {
    const result = await write(sourcesOnly(entriesOf(folder)), [], writer, remarks, pulse, now)
    if (result.unreadable_count > 0) throw new EngineError('EIO', `not all of ${folder} can be read`)
    if (result.changed_count > 0) throw new EngineError('EIO', `${folder} changed while it was read`)
    return result
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw new EngineError(
      (error as NodeJS.ErrnoException).code ?? 'EIO',
      `${folder} cannot be read: ${reasonOf(error)}`,
    )
  } finally {
    writer.close()
  }
}

async function write(
  all: Iterable<Found | Unvisited>,
  append: PackRequest['append'],
  writer: BackupWriter,
  remarks: Remarks,
  pulse: Pulse,
  now: Date,
): Promise<PackResult> {
  const entries = new Entries(writer, remarks, pulse)
  for (const found of all) {
    if ('error' in found) remarks.notRead(found.name, found.error, found.contentOnly ? 'its content' : 'it')
    else await entries.add(found)
    if (writer.full) await writer.drain()
    if (pulse.due()) await pulse.beat()
  }
  for (const file of append) writer.append(file, BigInt(now.getTime()) * 1_000_000n)
  const finished = await writer.finish()
  remarks.end()
  return {
    ...entries.counts,
    entry_count: entries.written + append.length,
    content_bytes: entries.counts.bytes_read + append.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0),
    ...finished,
    unreadable_count: remarks.unreadable,
    changed_count: remarks.changed,
  }
}

/** Takes the roots over, one by one. `excluded` are folders or files by identity, however reached. */
export function* walkAll(
  roots: OpenFolder[],
  excluded: BigIntStats[],
  exclusion: Exclusion,
): Generator<Found | Unvisited, void, void> {
  for (let root = roots.shift(); root !== undefined; root = roots.shift()) {
    const above = root.name.length + 1
    yield* walk(root, (name, stat) => {
      if (excluded.some((other) => other.ino === stat.ino && other.dev === stat.dev)) return true
      return exclusion.leavesOut(name.slice(above), stat.isDirectory())
    })
  }
}

function* sourcesOnly(all: Iterable<Found | Unvisited>): Generator<Found | Unvisited, void, void> {
  for (const found of all) if ('error' in found || !ownFolders.includes(found.name)) yield found
}

function refuseOwnNames({ format, sources }: PackRequest): void {
  const own = sources.find(({ prefix }) => ownFolders.includes(prefix))
  if (format === 'folder' && own)
    throw new EngineError('EEXIST', `a folder backup needs the name ${own.prefix} for itself: choose another format`)
}

export function openRoots(sources: Source[], roots: OpenFolder[], remarks: Remarks): void {
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

export function identityOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

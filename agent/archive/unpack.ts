// Unpacks a backup of any format into a folder: by its index where it has a good one, otherwise by reading all of it.
import { closeSync, constants, fstatSync, mkdirSync, openSync } from 'node:fs'
import type { ArchiveFormat } from 'db/domain/archive'
import { openIndexOf, type IndexState } from './index-of.ts'
import { openReading } from './open-reading.ts'
import { EngineError } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { readEntries } from './read-entries.ts'
import { Selection } from './selection.ts'
import { unpackByIndex } from './unpack-by-index.ts'
import { addUnpacked, Unpacker, type Unpacked } from './unpacker.ts'
import { throughDescriptors } from './walk.ts'
import { writeFailure } from './words.ts'

export interface UnpackRequest {
  /** Absolute path of a file, or of a folder for the format folder. */
  file: string
  format: ArchiveFormat
  /** Absolute path of the folder to unpack into; made if it is not there. */
  to: string
  /** Names in the backup, bytes as latin1: only these and what is below them. Empty for everything. */
  paths: string[]
  /** Replaces what is there already. */
  overwrite: boolean
}

/** `index`: what it was unpacked by. `damage`: why the rest could not be read, as a sentence. */
export type UnpackResult = Unpacked & { index: IndexState; damage: string | null }

/**
 * Nothing is made outside of `to`. Entries that cannot be made are in `faults`, and so are those of damaged parts; all others are made. Throws
 * an EngineError when the backup or the folder cannot be opened, or the folder takes no more.
 */
export async function unpack(
  { file, format, to, paths, overwrite }: UnpackRequest,
  pulse: Pulse,
): Promise<UnpackResult> {
  if (!throughDescriptors) throw new EngineError('ENOSYS', 'to unpack safely needs /proc, which is not mounted')
  using opened = format === 'folder' ? null : openReading(file)
  using indexed = opened ? openIndexOf(file, fstatSync(opened.fd).size) : null
  const root = openDestination(to)
  try {
    if (opened && indexed?.index) {
      const from = { file, fd: opened.fd, index: indexed.index }
      return { ...(await unpackByIndex(from, { root, overwrite, paths }, pulse)), index: 'whole', damage: null }
    }
    return { ...(await unpackByReading(file, format, root, overwrite, paths, pulse)), index: indexed?.state ?? null }
  } finally {
    closeSync(root)
  }
}

function openDestination(to: string): number {
  try {
    mkdirSync(to, { recursive: true })
    return openSync(to, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (error) {
    throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', writeFailure(to, error))
  }
}

async function unpackByReading(
  file: string,
  format: ArchiveFormat,
  root: number,
  overwrite: boolean,
  paths: string[],
  pulse: Pulse,
): Promise<Unpacked & { damage: string | null }> {
  const unpacker = new Unpacker({ root, overwrite, keepTimes: true, selection: new Selection(paths) })
  const damage = await damageIn(readEntries(file, format, unpacker, pulse))
  unpacker.end()
  const done = unpacker.taken()
  if (unpacker.orphans.size > 0 && damage === null)
    addUnpacked(done, await unpackOrphans(file, format, root, overwrite, unpacker, pulse))
  return { ...done, damage }
}

/** Reads it all once more for the content of hard links whose first name was not wanted. */
async function unpackOrphans(
  file: string,
  format: ArchiveFormat,
  root: number,
  overwrite: boolean,
  { orphans }: Unpacker,
  pulse: Pulse,
): Promise<Unpacked> {
  const names = [...orphans.values()].flatMap(([first]) => first ?? [])
  const again = new Unpacker({ root, overwrite, keepTimes: true, selection: new Selection(names) })
  again.aliases = new Map([...orphans].map(([target, [first = '']]) => [target, first]))
  await readEntries(file, format, again, pulse)
  for (const names of orphans.values()) again.join(names)
  again.end()
  return again.taken()
}

/** Null when there is none. */
async function damageIn(reading: Promise<void>): Promise<string | null> {
  try {
    await reading
    return null
  } catch (error) {
    if (error instanceof EngineError && error.code === 'CORRUPT') return error.message
    throw error
  }
}

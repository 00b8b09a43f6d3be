// Packs a folder backup as it lies there, as the .tar.zst that the stack itself would have made. What cannot be read is damage,
// and ends it.
import { closeSync, constants, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { entriesOf, ownFolders } from './folder-backup.ts'
import { newKey } from './content-print.ts'
import { FramePool } from './frame-pool.ts'
import { OrderedSink } from './frame-sink.ts'
import { IndexWriter } from './index-writer.ts'
import { OutFile } from './out-file.ts'
import { Pass } from './pass.ts'
import { EngineError, type AppendedFile, type PackFolderRequest, type PackFolderResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Remarks } from './remarks.ts'
import { seekTable } from './seek-table.ts'
import type { FoundIn } from './sources.ts'
import { latin1 } from './names.ts'
import { openFolder } from './walk.ts'
import { reasonOf } from './words.ts'

/** The file has no index: it is for somebody to take away. */
export async function packFolder(
  { folder, out, level }: PackFolderRequest,
  remarks: Remarks,
  pulse: Pulse,
): Promise<PackFolderResult> {
  await using undo = new AsyncDisposableStack()
  const file = undo.adopt(new OutFile(out), (open) => open.close())
  const pool = undo.use(new FramePool({ format: 'tar.zst', level, path: out }))
  const index = undo.adopt(IndexWriter.scratch(`${out}.index`), (open) => open.close())
  const sink = new OrderedSink(pool, file, -1, 0)
  const pass = new Pass({ pool, sink, before: null, index, key: newKey(), remarks, pulse })
  try {
    await pass.run(contentOf(folder, undo))
  } catch (error) {
    if (error instanceof EngineError) throw error
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    throw new EngineError(code, `${folder} cannot be read: ${reasonOf(error)}`)
  }
  if (remarks.unreadable > 0) throw new EngineError('EIO', `not all of ${folder} can be read`)
  if (remarks.changed > 0) throw new EngineError('EIO', `${folder} changed while it was read`)
  await pass.end(...madeFiles(folder))
  const length = await sink.length()
  const table = seekTable('tar.zst', index.framesByPlace())
  file.write(table, length)
  file.flush()
  return { entry_count: index.entries, content_bytes: pass.counts.content_bytes, size_bytes: length + table.length }
}

function* contentOf(folder: string, undo: AsyncDisposableStack): Generator<FoundIn, void, void> {
  const top = openFolder(latin1(folder), '', constants.O_DIRECTORY | constants.O_NOFOLLOW)
  undo.defer(() => closeSync(top.fd))
  for (const found of entriesOf(folder))
    if (!ownFolders.includes(found.name) && !found.name.startsWith(`${madeFolder}/`))
      yield Object.assign(found, { root: top })
}

const madeFolder = '_archive'

/** What was made for the backup stands last in a tar. */
function madeFiles(folder: string): [files: AppendedFile[], mtimeNs: bigint] {
  const within = join(folder, madeFolder)
  let mtimeNs = 0n
  if (!existsSync(within)) return [[], mtimeNs]
  const files = readdirSync(within)
    .sort()
    .map((name) => {
      const stat = lstatSync(join(within, name), { bigint: true })
      if (!stat.isFile()) throw new EngineError('EINVAL', `${join(within, name)} is no file`)
      mtimeNs = stat.mtimeNs
      const content = readFileSync(join(within, name), 'utf8')
      return { name: `${madeFolder}/${name}`, content, mode: Number(stat.mode & 0o7777n) }
    })
  return [files, mtimeNs]
}

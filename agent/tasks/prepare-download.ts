// Packs a folder backup into one file, for downloads. A file that carries its final name is whole, flushed and read back.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, lstat, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf } from 'db/domain/errors'
import { binarySize } from 'db/domain/size'
import type { CareOutcome, PrepareDownloadPayload, TaskOf } from 'db/domain/task'
import { startEngine, type Engine } from '../archive/client.ts'
import { EngineError, type EngineEvent } from '../archive/protocol.ts'
import { JobCancelled } from '../cancelled.ts'
import { codeOf, makeFolder, publish } from '../durable.ts'
import { diskOf } from '../host-status.ts'
import type { TaskReport } from '../task-report.ts'
import { placeOf } from './place.ts'
import { preparedName } from './prepared-name.ts'
import { unlessStalled } from './read-back.ts'
import type { Tools } from './tools.ts'

type Prepared = NonNullable<CareOutcome['prepared']>

/** Fast, and about as small as the slow ones: it is thrown away again. */
const level = 3

/** Never throws. */
export async function prepareDownload(
  task: TaskOf<'prepare_download'>,
  tools: Pick<Tools, 'archivesDir' | 'downloadsDir'>,
  report: TaskReport,
  signal: AbortSignal,
): Promise<CareOutcome> {
  const { backup } = task.payload
  let file = ''
  try {
    file = finalFile(tools.downloadsDir, task.payload)
    const prepared = (await readAgain(file, signal)) ?? (await packFolder(task, file, tools, report, signal))
    report.say('info', `Ready for download: ${file}, ${binarySize(prepared.size_bytes)}`)
    return { status: 'success', reason: '', backups: [], prepared }
  } catch (error) {
    const cancelled = signal.aborted && signal.reason instanceof JobCancelled
    const reason = signal.aborted ? messageOf(signal.reason) : wordsFor(error, tools.downloadsDir)
    report.say(cancelled ? 'warn' : 'error', `Given up: ${reason}`)
    const corrupt = !signal.aborted && error instanceof Damaged
    return {
      status: cancelled ? 'cancelled' : 'failed',
      reason,
      backups: corrupt ? [{ id: backup.id, did: 'corrupt', reason, bytes: 0 }] : [],
    }
  } finally {
    if (file) await removePartials(tools.downloadsDir, backup.id)
  }
}

/** Throws for a name that is not one we would give it. */
function finalFile(downloadsDir: string, { backup, name }: PrepareDownloadPayload): string {
  if (!preparedName(name).startsWith(`${backup.id}_`)) throw new Error(`"${name}" is not the name of this backup`)
  return join(downloadsDir, name)
}

/** What an earlier task has packed; null when there is nothing. */
async function readAgain(file: string, signal: AbortSignal): Promise<Prepared | null> {
  const about = await lstat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
  if (!about?.isFile()) return null
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash, { signal })
  return { path: file, size_bytes: about.size, sha256: hash.digest('hex') }
}

async function packFolder(
  { id, payload: { backup, name } }: TaskOf<'prepare_download'>,
  file: string,
  { archivesDir, downloadsDir }: Pick<Tools, 'archivesDir' | 'downloadsDir'>,
  report: TaskReport,
  signal: AbortSignal,
): Promise<Prepared> {
  const place = await placeOf(archivesDir, backup.path)
  if (backup.format !== 'folder' || !place.found?.isDirectory())
    throw new Error(`${place.file} is ${place.found ? 'no folder' : 'not there'}`)
  await makeFolder(downloadsDir)
  const disk = await diskOf(downloadsDir)
  if (disk && disk.free_bytes < backup.size_bytes / 2)
    throw new Error(
      `not enough space in ${downloadsDir}: ${binarySize(disk.free_bytes)} are free, and the backup has ${binarySize(backup.size_bytes)}`,
    )

  const seen = (alive: () => void) => (event: EngineEvent) => {
    alive()
    if (event.type === 'progress') Object.assign(report.progress, { files: event.files, bytes: event.bytes })
    else report.say('info', `${event.path}: ${event.text}`)
  }
  await using engine = startEngine({ signal })
  report.phase('verify')
  await refuseDamaged(engine, place.file, backup.sha256, seen)

  report.phase('pack')
  const partial = join(downloadsDir, `.${name}.${id}.partial`)
  await (await open(partial, 'wx', 0o600)).close()
  const packed = await unlessStalled(engine, (alive) =>
    engine.packFolder({ folder: place.file, out: partial, level }, seen(alive)),
  )
  const readBack = await unlessStalled(engine, (alive) =>
    engine.verify({ file: partial, format: 'tar.zst', frames: 'all' }, seen(alive)),
  )
  const { entry_count, content_bytes, size_bytes } = readBack
  if (entry_count !== packed.entry_count || content_bytes !== packed.content_bytes || size_bytes !== packed.size_bytes)
    throw new Error('what was packed was not what was read back')
  const handle = await open(partial, 'r')
  await handle.sync().finally(() => handle.close())
  await chmod(partial, 0o600)
  signal.throwIfAborted()
  await publish(partial, file)
  return { path: file, size_bytes, sha256: readBack.sha256 }
}

/** What is packed is the backup, and not what became of it since. */
async function refuseDamaged(
  engine: Engine,
  folder: string,
  sha256: string,
  seen: (alive: () => void) => (event: EngineEvent) => void,
): Promise<void> {
  try {
    const found = await unlessStalled(engine, (alive) =>
      engine.verify({ file: folder, format: 'folder', frames: 'all' }, seen(alive)),
    )
    if (found.sha256 !== sha256) throw new Damaged('the folder is not what it was when the backup was made')
  } catch (error) {
    if (error instanceof EngineError && error.code === 'CORRUPT') throw new Damaged(error.message)
    throw error
  }
}

class Damaged extends Error {}

/** Of this backup: what a dead agent left, too. Transfers read finished files alone, and no two tasks pack at once. */
async function removePartials(downloadsDir: string, id: number): Promise<void> {
  const names = await readdir(downloadsDir).catch(() => [])
  for (const name of names.filter((one) => one.startsWith(`.${id}_`) && one.endsWith('.partial')))
    await rm(join(downloadsDir, name), { force: true }).catch(() => {})
}

function wordsFor(error: unknown, downloadsDir: string): string {
  if (codeOf(error) === 'ENOSPC' || (error instanceof EngineError && error.code === 'ENOSPC'))
    return `the disk of ${downloadsDir} is full`
  return messageOf(error)
}

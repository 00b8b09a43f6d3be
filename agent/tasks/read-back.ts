// Reads one finished backup back, in a process of its own that a hung disk may keep.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ArchiveFormat } from 'db/domain/archive'
import { messageOf } from 'db/domain/errors'
import { startEngine, type Engine } from '../archive/client.ts'
import { EngineError, type VerifyResult } from '../archive/protocol.ts'
import type { Care } from './care.ts'

export type ReadBack =
  | { verdict: 'whole'; result: VerifyResult }
  | { verdict: 'corrupt'; reason: string }
  /** Nothing can be said of it now: its disk is away, it may not be read, the process was ended. */
  | { verdict: 'unknown'; reason: string }

/** What a bad sector answers, and a network disk that is away for a moment. */
const diskErrors = ['EIO', 'EBADMSG', 'EUCLEAN']
const pauseMs = 5_000

/** Throws the signal's reason when it aborts. */
export async function readBack(file: string, path: string, care: Care): Promise<ReadBack> {
  for (let attempt = 1; ; attempt++) {
    const read = await readOnce(file, path, care)
    if (!('error' in read)) return read
    const { error } = read
    care.signal.throwIfAborted()
    if (error instanceof EngineError && error.code === 'CORRUPT') return { verdict: 'corrupt', reason: error.message }
    if (!(error instanceof EngineError && diskErrors.includes(error.code)))
      return { verdict: 'unknown', reason: messageOf(error) }
    if (attempt === 2) return { verdict: 'corrupt', reason: `${error.message}, and again when it was tried once more` }
    await sleep(pauseMs, undefined, { signal: care.signal }).catch(() => {})
    care.signal.throwIfAborted()
  }
}

async function readOnce(file: string, path: string, care: Care): Promise<ReadBack | { error: unknown }> {
  await using engine = startEngine({ signal: care.signal })
  try {
    const result = await unlessStalled(engine, (alive) =>
      engine.verify({ file, format: formatOf(path), frames: 'all' }, (event) => {
        alive()
        if (event.type === 'progress') care.report.progress.bytes = event.bytes
      }),
    )
    return { verdict: 'whole', result }
  } catch (error) {
    return { error }
  }
}

/** A disk that gives nothing for five minutes is given up. */
export async function unlessStalled<Result>(
  engine: Engine,
  work: (alive: () => void) => Promise<Result>,
): Promise<Result> {
  const timer = setTimeout(() => engine.kill(), 5 * 60_000)
  try {
    return await work(() => void timer.refresh())
  } finally {
    clearTimeout(timer)
  }
}

function formatOf(path: string): ArchiveFormat {
  return (['tar.zst', 'tar.gz', 'tar'] as const).find((format) => path.endsWith(`.${format}`)) ?? 'folder'
}

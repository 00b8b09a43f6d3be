// One frame, read back: is it what was written, and does it hold what it should?
import type { Checked, CheckJob } from './frame-jobs.ts'
import type { FrameReader } from './frame-reader.ts'
import { EngineError } from './protocol.ts'
import { TarReader } from './tar-reader.ts'

/** What is wrong with it is an answer, not thrown: the thread goes on. `path` is the backup's. */
export function checkFrame({ fd, frame, whole, last }: CheckJob, reader: FrameReader, path: string): Checked {
  const tar = new TarReader()
  try {
    const content = reader.read(fd, frame)
    if (!whole) return { entries: 0, failure: null }
    tar.push(content)
    if (last) tar.end()
    else tar.endOfPiece()
  } catch (error) {
    if (error instanceof EngineError) return { entries: 0, failure: { code: error.code, message: error.message } }
    const message = `${path} is damaged: ${(error as Error).message} (at byte ${frame.offset})`
    return { entries: 0, failure: { code: 'CORRUPT', message } }
  }
  return { entries: tar.entries, failure: null }
}

// One frame, read back: is it what was written, and does it hold what it should?
import type { Checked, CheckJob } from './frame-jobs.ts'
import type { FrameReader } from './frame-reader.ts'
import { EngineError } from './protocol.ts'
import { TarReader } from './tar-reader.ts'

/** Throws an EngineError, CORRUPT where it is damaged; `path` is the backup's. */
export function checkFrame({ fd, frame, whole, last }: CheckJob, reader: FrameReader, path: string): Checked {
  const content = reader.read(fd, frame)
  if (!whole) return { entries: 0, contentBytes: 0 }
  const tar = new TarReader()
  try {
    tar.push(content)
    if (last) tar.end()
    else tar.endOfPiece()
  } catch (error) {
    throw new EngineError('CORRUPT', `${path} is damaged: ${(error as Error).message} (at byte ${frame.offset})`)
  }
  return { entries: tar.entries, contentBytes: tar.contentBytes }
}

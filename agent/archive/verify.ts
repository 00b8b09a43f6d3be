// Reads a finished backup back and tells whether it is what was written. It is flushed to the device first. Node offers no
// posix_fadvise, so the kernel may serve the reading from its page cache: this proves what was handed to the kernel and that the
// device took it, not that the device returns the same bytes later.
import { fsyncSync } from 'node:fs'
import { BadIndex, openIndex, type IndexReader } from './index-file.ts'
import { indexPathOf } from './index-path.ts'
import { openReading } from './open-reading.ts'
import { EngineError, type VerifyRequest, type VerifyResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import { readFileBack } from './read-file-back.ts'
import { readFolderBack } from './read-folder-back.ts'
import { readFramesBack } from './read-frames-back.ts'
import { writeFailure } from './words.ts'

/** Throws an EngineError, CORRUPT for damage. */
export async function verify({ file, format, frames }: VerifyRequest, pulse: Pulse): Promise<VerifyResult> {
  if (format === 'folder') return { ...(await readFolderBack(file, frames === 'of today', pulse)), index: null }
  using opened = openReading(file)
  flush(file, opened.fd)
  const index = indexBeside(file)
  if (typeof index === 'string') return { ...(await readFileBack(file, opened.fd, format, pulse)), index }
  try {
    return { ...(await readFramesBack(file, opened.fd, index, frames, pulse)), index: 'whole' }
  } finally {
    index.close()
  }
}

function flush(file: string, fd: number): void {
  try {
    fsyncSync(fd)
  } catch (error) {
    throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', writeFailure(file, error))
  }
}

/** What a lost or damaged index told can be found out again: the backup itself is whole without it. */
function indexBeside(file: string): IndexReader | 'missing' | 'damaged' {
  try {
    return openIndex(indexPathOf(file))
  } catch (error) {
    if (error instanceof BadIndex || error instanceof SyntaxError) return 'damaged'
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing'
    throw error
  }
}

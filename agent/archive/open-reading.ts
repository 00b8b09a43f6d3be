import { closeSync, constants, openSync } from 'node:fs'
import { EngineError } from './protocol.ts'
import { reasonOf } from './words.ts'

/** A backup, to be read; never through a link. Throws an EngineError. */
export function openReading(file: string): Disposable & { fd: number } {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW)
    return { fd, [Symbol.dispose]: () => closeSync(fd) }
  } catch (error) {
    throw new EngineError(
      (error as NodeJS.ErrnoException).code ?? 'EIO',
      `${file} cannot be read back: ${reasonOf(error)}`,
    )
  }
}

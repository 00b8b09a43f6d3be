// The index beside a backup, if it is good and of this very backup.
import { BadIndex, openIndex, type Group, type IndexReader } from './index-file.ts'
import { indexPathOf } from './index-path.ts'
import { EngineError } from './protocol.ts'

/** Null for a folder backup, which has none. */
export type IndexState = 'whole' | 'missing' | 'damaged' | null

export interface IndexOf extends Disposable {
  index: IndexReader | null
  state: IndexState
}

/** `size` of the backup in bytes. Throws a system error. */
export function openIndexOf(file: string, size: number): IndexOf {
  try {
    const index = openIndex(indexPathOf(file))
    const close = () => index.close()
    // the frames themselves are told apart by their hashes
    if (index.summary.archive_bytes === size) return { index, state: 'whole', [Symbol.dispose]: close }
    close()
    return { index: null, state: 'damaged', [Symbol.dispose]: () => {} }
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (!isMissing && !(error instanceof BadIndex) && !(error instanceof SyntaxError)) throw error
    return { index: null, state: isMissing ? 'missing' : 'damaged', [Symbol.dispose]: () => {} }
  }
}

/** Its groups. Throws an EngineError, CORRUPT where it is well-formed and yet no index. */
export function* groupsIn(index: IndexReader): Generator<Group, void, void> {
  const groups = index.groups()
  for (;;) {
    let next: IteratorResult<Group, void>
    try {
      next = groups.next()
    } catch (error) {
      throw new EngineError('CORRUPT', `the index is damaged: ${(error as Error).message}`)
    }
    if (next.done) return
    yield next.value
  }
}

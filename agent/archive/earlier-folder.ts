// What a folder is made from beside the sources: the last folder backup, or what the pass before has copied.
import { closeSync, constants } from 'node:fs'
import { FilesBefore } from './folder-index.ts'
import { openFolderIndex, type FolderSummary, type IndexReader } from './index-file.ts'
import { indexPathOf } from './index-path.ts'
import { latin1 } from './names.ts'
import { whyOutdated } from './previous.ts'
import type { PackRequest } from './protocol.ts'
import { openFolder, type OpenFolder } from './walk.ts'
import type { WalkOrder } from './walk-order.ts'
import { reasonOf } from './words.ts'

export interface EarlierFolder extends Disposable {
  root: OpenFolder
  files: FilesBefore
  /** The next folder is made of its files; otherwise they stay. */
  givesUp: boolean
}

const folderFlags = constants.O_DIRECTORY | constants.O_NOFOLLOW

/** A reason in words where it cannot be used. */
export function openPreviousFolder(
  path: string,
  { full_read_every }: PackRequest,
  inOrder: WalkOrder,
  now: Date,
): (EarlierFolder & { summary: FolderSummary }) | { unusable: string } {
  let index: IndexReader<FolderSummary> | undefined
  try {
    index = openFolderIndex(indexPathOf(path))
    const unusable = whyOutdated(index.summary, full_read_every, now)
    if (unusable !== '') {
      index.close()
      return { unusable }
    }
    const opened = index
    const earlier = openEarlier(path, opened, inOrder, false)
    return {
      ...earlier,
      summary: opened.summary,
      [Symbol.dispose]: () => (earlier[Symbol.dispose](), opened.close()),
    }
  } catch (error) {
    index?.close()
    return { unusable: `${path} or its index cannot be read: ${reasonOf(error)}` }
  }
}

/** The index stays its owner's. Throws a system error. */
export function openEarlier(
  path: string,
  index: IndexReader<FolderSummary>,
  inOrder: WalkOrder,
  givesUp: boolean,
): EarlierFolder {
  const root = openFolder(latin1(path), '', folderFlags)
  return { root, files: new FilesBefore(index, inOrder), givesUp, [Symbol.dispose]: () => closeSync(root.fd) }
}

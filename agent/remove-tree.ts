// Removes a file, or a folder with everything in it. By rm: Node's own way gives up at paths beyond 4,095 bytes.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Nothing there is fine. Follows no link. */
export async function removeTree(path: string): Promise<void> {
  try {
    await promisify(execFile)('rm', ['-rf', '--', path])
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new Error(stderr?.split('\n')[0] || `${path} cannot be removed`, { cause: error })
  }
}

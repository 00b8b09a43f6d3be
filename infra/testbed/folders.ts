// Where the test bed keeps what is dear to make (engine data with images, the Compose plugin), and temporary folders.
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

export const isRoot = process.getuid?.() === 0

/** Kept between runs. Not below the temporary folder: overlay2 needs a real file system. */
export const cacheFolder = isRoot ? '/var/lib/archiver-testbed' : join(homedir(), '.cache', 'archiver-testbed')

/** What Docker's client reads instead of ~/.docker; our Compose plugin lies in it. */
export const dockerConfig = join(cacheFolder, 'docker-config')

export interface TemporaryFolder {
  path: string
  [Symbol.asyncDispose](): Promise<void>
}

/** A folder that is gone at the end of the test: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'archiver-test-')))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) }
}

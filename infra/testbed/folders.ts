// Where the test bed keeps what is dear to make (engine data with images, the Compose plugin), and temporary folders.
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { works } from './run.ts'

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
  return { path, [Symbol.asyncDispose]: () => removeFolder(path) }
}

/** With whatever is still mounted below it unmounted first. */
export async function removeFolder(path: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8').catch(() => '')).split('\n').map(mountPoint)
  for (const mount of mounts.filter((one) => one.startsWith(`${path}/`)).reverse()) await works('umount', ['-l', mount])
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

/** Blanks and the like are written as \\040 there. */
function mountPoint(line: string): string {
  const field = line.split(' ')[1] ?? ''
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

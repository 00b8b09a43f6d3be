// File systems of the bench's own, each in a file: what the machine's has, and what else is written to it, plays no part.
import { mkdir, rm, statfs, truncate, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, works } from '../../testbed/run.ts'

export interface FileSystem extends AsyncDisposable {
  path: string
  /** Bytes in use, once everything is on the device. */
  used(): Promise<number>
  flush(): Promise<void>
  /** Flushes; every file is then older than the two seconds within which times prove nothing. */
  settle(): Promise<void>
}

const makers = {
  /** Inodes for a million files and more. */
  ext4: ['mkfs.ext4', '-q', '-F', '-N', '1200000', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  /** Shares blocks between files. */
  xfs: ['mkfs.xfs', '-q', '-f', '-m', 'reflink=1'],
}

/** `gigabytes` are only taken as they are used. */
export async function makeFileSystem(
  type: keyof typeof makers,
  folder: string,
  gigabytes: number,
): Promise<FileSystem> {
  const image = `${folder}/${type}.image`
  const path = `${folder}/${type}`
  await mkdir(path)
  await writeFile(image, '')
  await truncate(image, gigabytes * 2 ** 30)
  const [maker, ...options] = makers[type]
  await run(maker ?? '', [...options, image])
  // past the page cache of the file system below, which would copy everything once more
  const device = (await run('losetup', ['--find', '--show', '--direct-io=on', image])).trim()
  await run('mount', [device, path])
  const flush = async () => void (await run('sync', ['-f', path]))
  return {
    path,
    flush,
    async settle() {
      await flush()
      await sleep(2500)
    },
    async used() {
      await flush()
      const { blocks, bfree, bsize } = await statfs(path)
      return (blocks - bfree) * bsize
    },
    async [Symbol.asyncDispose]() {
      if (!(await works('umount', [path]))) await run('umount', ['-l', path])
      await run('losetup', ['--detach', device])
      await rm(image, { force: true })
      await rm(path, { recursive: true, force: true })
    },
  }
}

// The image that test stacks run: Debian's static busybox with a link for each of its programs.
import { chmod, copyFile, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { aptUnpack } from './apt.ts'
import { docker } from './docker.ts'
import { temporaryFolder } from './folders.ts'
import { run } from './run.ts'

/** Has sh, sleep, httpd, nc, wget, touch …; no pull is needed and none is possible. */
export const busyboxImage = 'archiver-test/busybox:latest'

export async function makeBusyboxImage(): Promise<void> {
  if ((await docker('images', '-q', busyboxImage)) !== '') return
  console.log(`Making the image ${busyboxImage} …`)
  await using folder = await temporaryFolder()
  await aptUnpack('busybox-static', join(folder.path, 'package'))
  const busybox = join(folder.path, 'package', 'bin', 'busybox')
  const image = join(folder.path, 'image')
  for (const name of ['bin', 'etc', 'tmp', 'root', 'var', 'data']) await mkdir(join(image, name), { recursive: true })
  await chmod(join(image, 'tmp'), 0o1777)
  await copyFile(busybox, join(image, 'bin', 'busybox'))
  await chmod(join(image, 'bin', 'busybox'), 0o755)
  for (const name of (await run(busybox, ['--list'])).split('\n').filter((line) => line !== '' && line !== 'busybox')) {
    await symlink('busybox', join(image, 'bin', name))
  }
  const tar = join(folder.path, 'image.tar')
  await run('tar', ['-C', image, '--owner=0', '--group=0', '-cf', tar, '.'])
  await docker('import', '--change', 'CMD ["sh"]', '--change', 'ENV PATH=/bin', tar, busyboxImage)
}

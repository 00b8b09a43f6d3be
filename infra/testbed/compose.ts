// Docker Compose v2: where the machine has none, its plugin is unpacked where only the tests look.
import { copyFile, mkdir, mkdtemp, chmod, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptUnpack, aptUnpackFromNextRelease } from './apt.ts'
import { dockerConfig } from './folders.ts'
import { works } from './run.ts'

const sources = [
  { name: 'docker-compose-v2', unpack: aptUnpack },
  { name: 'docker-compose', unpack: aptUnpack },
  { name: 'docker-compose', unpack: aptUnpackFromNextRelease },
]

const places = ['usr/libexec/docker/cli-plugins/docker-compose', 'usr/lib/docker/cli-plugins/docker-compose']

export async function hasCompose(): Promise<boolean> {
  return await works('docker', ['compose', 'version'], { env: { ...process.env, DOCKER_CONFIG: dockerConfig } })
}

/** Debian 12 packages only Compose 1: then the next release's is taken, a single program that runs there too. */
export async function fetchCompose(): Promise<void> {
  console.log('Unpacking Docker Compose v2 for the tests …')
  const plugin = join(dockerConfig, 'cli-plugins', 'docker-compose')
  await mkdir(join(dockerConfig, 'cli-plugins'), { recursive: true })
  for (const { name, unpack } of sources) {
    const folder = await mkdtemp(join(tmpdir(), 'archiver-compose-'))
    try {
      await unpack(name, folder)
      const found = places.map((place) => join(folder, place)).find((file) => existsSync(file))
      if (found === undefined) continue
      await copyFile(found, plugin)
      await chmod(plugin, 0o755)
      if (await hasCompose()) return
    } catch {
      // This source has no such package: the next one may.
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  throw new Error('No package of Docker Compose v2 could be found')
}

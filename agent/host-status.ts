// What the agent says of its machine.
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { HostStatus } from 'db/domain/host'
import type { Discovery } from './docker/discover.ts'
import type { DockerState } from './docker/engine.ts'

export async function hostStatus(
  docker: DockerState,
  discovery: Discovery,
  archivesDir: string,
  inContainer: boolean,
): Promise<HostStatus> {
  return {
    docker,
    archives_dir: archivesDir,
    disk: await diskOf(archivesDir),
    in_container: inContainer,
    mounts: discovery.mounts,
    unreachable_projects: discovery.unreachable_projects,
  }
}

/** Of the file system that holds, or will hold, the folder; null when it cannot be asked. */
export async function diskOf(folder: string): Promise<HostStatus['disk']> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const { bsize, blocks, bavail } = await statfs(path)
      return { total_bytes: bsize * blocks, free_bytes: bsize * bavail }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) return null
    }
  }
}

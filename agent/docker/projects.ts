// Compose projects as Docker's labels tell of them.
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { ContainerInspectInfo } from 'dockerode'

export interface ComposeLabels {
  project: string
  service: string
  workingDir: string
  /** As named by -f; may lie anywhere. */
  configFiles: string[]
  /** As named by --env-file. */
  envFiles: string[]
}

/** Null for a container that Compose did not make. */
export function composeLabels(labels: Record<string, string> | null | undefined): ComposeLabels | null {
  const project = labels?.['com.docker.compose.project']
  if (!labels || !project) return null
  return {
    project,
    service: labels['com.docker.compose.service'] ?? '',
    workingDir: labels['com.docker.compose.project.working_dir'] ?? '',
    configFiles: (labels['com.docker.compose.project.config_files'] ?? '').split(',').filter(Boolean),
    envFiles: (labels['com.docker.compose.project.environment_file'] ?? '').split(',').filter(Boolean),
  }
}

export interface ProjectDirectory {
  /** Resolved path on the host. */
  path: string
  compose_file: string
}

/**
 * The directory of a project on this host. Portainer, Dockge and Komodo run Compose inside their own container, so the
 * label may name a path in there: then it is looked up through that container's mounts, and counts only if the
 * compose file is really there. Null when the agent cannot see it.
 */
export async function locateProject(
  labels: ComposeLabels,
  running: ContainerInspectInfo[],
): Promise<ProjectDirectory | null> {
  const file = labels.configFiles[0]
  const named = file ? (isAbsolute(file) ? file : join(labels.workingDir, file)) : ''
  for (const translate of [(path: string) => path, ...mountTranslations(running)]) {
    const directory = translate(labels.workingDir)
    const composeFile = named && translate(named)
    if (!directory || !composeFile) continue
    const found = await stat(composeFile).catch(() => null)
    if (!found?.isFile()) continue
    const path = await realpath(directory).catch(() => null)
    if (path) return { path, compose_file: dirname(composeFile) === directory ? basename(composeFile) : composeFile }
  }
  return null
}

/** For each mount of each container: container path → host path, or null where the path is not below the mount. */
function mountTranslations(containers: ContainerInspectInfo[]): ((path: string) => string | null)[] {
  return containers.flatMap((container) =>
    container.Mounts.filter((mount) => mount.Source && mount.Destination !== '/').map((mount) => (path: string) => {
      if (path !== mount.Destination && !path.startsWith(`${mount.Destination}/`)) return null
      return mount.Source + path.slice(mount.Destination.length)
    }),
  )
}

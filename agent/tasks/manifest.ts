// The last file of an archive: what it is, and all that is needed to bring the stack back.
import { readFile } from 'node:fs/promises'
import type { AppendedFile } from '../archive/protocol.ts'
import type { ArchiveStackPayload } from 'db/domain/task'
import type { ContainerInspectInfo } from 'dockerode'
import { composeLabels } from '../docker/projects.ts'
import { nameOf } from '../docker/stop-stack.ts'
import type { ResolvedStack } from './resolve-stack.ts'
import type { StackSource } from './stack-sources.ts'
import type { Tools } from './tools.ts'

export async function manifestOf(
  payload: ArchiveStackPayload,
  stack: ResolvedStack,
  tools: Tools,
  at: Date,
): Promise<AppendedFile> {
  const manifest = {
    manifest_version: 1,
    tool: { name: 'docker-archiver', version: tools.version },
    created_at: at.toISOString(),
    host: tools.hostName,
    archive: payload.archive.name,
    mode: payload.archive.mode,
    stack: payload.stack,
    was_running: stack.was_running,
    contents: stack.sources.map((source) => ({
      path: source.path,
      prefix: source.prefix,
      volume: source.volume?.Name ?? null,
      used_by: usersOf(source, stack.containers),
    })),
    not_covered: stack.notCovered,
    warnings: stack.warnings,
    resolved_config: stack.compose.text,
    containers: stack.containers,
    volumes: stack.volumes,
    images: await imagesOf(stack, tools),
    docker: await engineOf(tools),
  }
  return { name: '_archive/manifest.json', content: `${JSON.stringify(manifest, null, 2)}\n`, mode: 0o600 }
}

/** Which services have it, and where. */
function usersOf({ volume, mount }: StackSource, containers: ContainerInspectInfo[]) {
  return containers.flatMap((container) =>
    container.Mounts.filter((one) => (volume ? one.Name === volume.Name : one.Source === mount.source)).map((one) => ({
      service: composeLabels(container.Config.Labels)?.service || nameOf(container),
      container: nameOf(container),
      destination: one.Destination,
    })),
  )
}

/**
 * Whose numbers owners are: under rootless Docker and userns-remap a container's users are others on the host. Owners in a
 * backup are those that the archive process saw, to which `uid_map` and `gid_map` of this agent's own world belong.
 */
async function engineOf({ docker }: Tools) {
  const info = (await docker.info().catch(() => ({}))) as Partial<
    Record<'ServerVersion' | 'DockerRootDir' | 'Driver', string>
  > & { SecurityOptions?: string[] }
  const options = info.SecurityOptions ?? []
  const mapOf = (kind: string) => readFile(`/proc/self/${kind}_map`, 'utf8').catch(() => '')
  return {
    version: info.ServerVersion ?? '',
    data_root: info.DockerRootDir ?? '',
    storage_driver: info.Driver ?? '',
    rootless: options.includes('name=rootless'),
    userns_remap: options.includes('name=userns'),
    uid_map: (await mapOf('uid')).trim(),
    gid_map: (await mapOf('gid')).trim(),
  }
}

async function imagesOf(stack: ResolvedStack, tools: Tools) {
  const ids = [...new Set(stack.containers.map((container) => container.Image))]
  return Promise.all(
    ids.map(async (id) => {
      const image = await tools.docker
        .getImage(id)
        .inspect()
        .catch(() => null)
      return { id, tags: image?.RepoTags ?? [], digests: image?.RepoDigests ?? [] }
    }),
  )
}

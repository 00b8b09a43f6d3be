// The last file of an archive: what it is, and all that is needed to bring the stack back.
import type { AppendedFile } from '../archive/protocol.ts'
import type { ArchiveStackPayload } from 'db/domain/task'
import type { ResolvedStack } from './resolve-stack.ts'
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
    contents: stack.sources.map(({ path, prefix }) => ({ path, prefix })),
    not_covered: stack.notCovered,
    warnings: stack.warnings,
    resolved_config: stack.compose.text,
    containers: stack.containers,
    volumes: stack.volumes,
    images: await imagesOf(stack, tools),
  }
  return { name: '_archive/manifest.json', content: `${JSON.stringify(manifest, null, 2)}\n`, mode: 0o600 }
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

// Which folders are scanned for stacks, and why others are not.
import { readFile } from 'node:fs/promises'
import type { ScannedMount } from 'db/domain/host'
import type { OwnContainer } from './engine.ts'

export interface ScanRoot {
  path: string
  source: string
}

/** Mounts of the agent's container that are there for the agent itself. */
const exempt = ['/archives', '/var/run/docker.sock', '/run/docker.sock', '/tmp/downloads']

export function isExempt(destination: string, ownFolders: string[]): boolean {
  return [...exempt, ...ownFolders].some((folder) => destination === folder || destination.startsWith(`${folder}/`))
}

/**
 * The verdict on each bind mount. Host path and container path have to be identical: the paths that Docker and the
 * compose files name are the host's, and the agent reads them as they are.
 */
export function judgeMounts(roots: ScanRoot[], ownFolders: string[]): ScannedMount[] {
  return roots.map(({ path, source }) => {
    if (isExempt(path, ownFolders)) return { path, source, verdict: 'exempt', stacks: 0, text: '' }
    if (path !== source)
      return {
        path,
        source,
        verdict: 'mismatch',
        stacks: 0,
        text:
          `${source} on the host is mounted as ${path} in the agent's container, so it is not searched for stacks. ` +
          `Mount it under the same path: "${source}:${source}".`,
      }
    return { path, source, verdict: 'scanned', stacks: 0, text: '' }
  })
}

/**
 * Bind mounts of this process's container: from Docker where it answers, else from the kernel's list. Named volumes are
 * no stack folders.
 */
export async function bindMounts(own: OwnContainer | null): Promise<ScanRoot[]> {
  if (own)
    return own.mounts
      .filter(({ type }) => type === 'bind')
      .map(({ source, destination }) => ({ path: destination, source }))
  return bindMountsOf(await readFile('/proc/self/mountinfo', 'utf8'))
}

/**
 * From the kernel's list: mounts whose root is a folder of a real file system. That root is relative to the file system,
 * so a host path such as /home/ann/stacks shows as /ann/stacks where /home is a file system of its own; a mount that
 * ends alike is taken as identical.
 */
export function bindMountsOf(mountinfo: string): ScanRoot[] {
  return mountinfo.split('\n').flatMap((line) => {
    const fields = line.split(' ')
    const [root, target] = [unescape(fields[3] ?? ''), unescape(fields[4] ?? '')]
    const type = fields[fields.indexOf('-') + 1] ?? ''
    if (
      !target ||
      root === '/' ||
      ['proc', 'sysfs', 'tmpfs', 'cgroup', 'cgroup2', 'overlay', 'mqueue', 'devpts'].includes(type)
    )
      return []
    if (/\/docker\/volumes\/|\/containers\/[0-9a-f]{64}\//.test(`${root}/`)) return []
    return [{ path: target, source: target.endsWith(root) ? target : root }]
  })
}

/** The kernel writes space, tab, newline and backslash as octal. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}

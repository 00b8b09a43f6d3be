// What the engine is measured against, and what measuring needs; as root on Debian and Ubuntu it is installed.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { aptInstall, aptUnpackFromNextRelease, hasApt } from '../../testbed/apt.ts'
import { cacheFolder, isRoot } from '../../testbed/folders.ts'
import { run, works } from '../../testbed/run.ts'

/** [program, how it tells that it is there, package] */
const programs: [string, string, string][] = [
  ['tar', '--version', 'tar'],
  ['zstd', '--version', 'zstd'],
  ['time', '--version', 'time'],
  ['mkfs.ext4', '-V', 'e2fsprogs'],
  ['mkfs.xfs', '-V', 'xfsprogs'],
  ['restic', 'version', 'restic'],
  ['borg', '--version', 'borgbackup'],
]

export interface Restic {
  path: string
  /** "restic 0.18.0" */
  name: string
}

/** Throws, naming it, where something cannot be had. */
export async function providePeers(): Promise<{ restics: Restic[] }> {
  if (!isRoot) throw new Error('The bench of the engine mounts file systems of its own, which takes root.')
  const missing: string[] = []
  for (const [program, version, name] of programs) if (!(await works('env', [program, version]))) missing.push(name)
  if (missing.length > 0 && !(await hasApt())) throw new Error(`Please install ${missing.join(', ')} first.`)
  if (missing.length > 0) await aptInstall(...missing)
  const paths = ['restic', await newerRestic()].filter((path) => path !== undefined)
  return { restics: await Promise.all(paths.map(async (path) => ({ path, name: await versionOf(path) }))) }
}

/** Of Debian's next release: one program that runs on this one, too. */
async function newerRestic(): Promise<string | undefined> {
  const folder = join(cacheFolder, 'restic')
  const path = join(folder, 'usr', 'bin', 'restic')
  try {
    if (!existsSync(path)) {
      await mkdir(folder, { recursive: true })
      await aptUnpackFromNextRelease('restic', folder)
    }
    return (await works(path, ['version'])) ? path : undefined
  } catch (error) {
    console.error(`No newer restic: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

async function versionOf(path: string): Promise<string> {
  return (await run(path, ['version'])).split(' ').slice(0, 2).join(' ')
}

// Brings the machine to where every test can run, as root on Debian and Ubuntu; elsewhere it names what is missing.
import { existsSync } from 'node:fs'
import { aptInstall, hasApt } from './apt.ts'
import { fetchCompose, hasCompose } from './compose.ts'
import { isRoot } from './folders.ts'
import { works } from './run.ts'
import { findChromium } from './browser.ts'

interface Need {
  name: string
  isThere(): Promise<boolean> | boolean
  provide(): Promise<void>
}

const needs: Need[] = [
  program('GNU tar', 'tar', 'tar'),
  program('zstd', 'zstd', 'zstd'),
  program('git', 'git', 'git'),
  program('bsdtar', 'bsdtar', 'libarchive-tools'),
  program('setfacl', 'setfacl', 'acl'),
  program('mkfs.xfs', 'mkfs.xfs', 'xfsprogs', '-V'),
  { name: 'Docker', isThere: hasDocker, provide: () => aptInstall('docker.io', 'iptables') },
  { name: 'Docker Compose v2', isThere: hasCompose, provide: fetchCompose },
  { name: 'Chromium', isThere: () => findChromium() !== undefined, provide: () => aptInstall('chromium') },
]

/** Returns the names of what is still missing: tests that need it have to be skipped, loudly. */
export async function provision(): Promise<string[]> {
  const may = isRoot && (await hasApt())
  const missing: string[] = []
  for (const need of needs) {
    if (await need.isThere()) continue
    try {
      if (may) await need.provide()
    } catch (error) {
      console.error(`${need.name} could not be installed: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (!(await need.isThere())) missing.push(need.name)
  }
  return missing
}

/** The client with an engine that answers, or with one that can be started. */
async function hasDocker(): Promise<boolean> {
  if (!(await works('docker', ['--version']))) return false
  if (await works('docker', ['version'], { timeout: 30_000 })) return true
  return isRoot && (await works('dockerd', ['--version'])) && existsSync('/usr/sbin/iptables')
}

function program(name: string, file: string, debianPackage: string, version = '--version'): Need {
  return { name, isThere: () => works(file, [version]), provide: () => aptInstall(debianPackage) }
}

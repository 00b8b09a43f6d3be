// All ways in which a backup becomes files again: with the tools of the system, and with our own.
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { ArchiveFormat } from 'db/domain/archive'
import { Pulse } from '../pulse.ts'
import { unpack, type UnpackRequest, type UnpackResult } from '../unpack.ts'
import { extract } from './tree.ts'

type Restore = (backup: string, to: string) => Promise<void> | void

/** Each restores into a folder that is not there yet. */
export function waysOut(format: ArchiveFormat): [name: string, restore: Restore][] {
  const own: [string, Restore][] = [['our own unpack', (backup, to) => whole(backup, format, to)]]
  if (format === 'folder') return [['cp', (backup, to) => void extract(backup, to)], ...own]
  return [
    ['GNU tar', (backup, to) => void extract(backup, to)],
    ['bsdtar', byBsdtar],
    ...own,
    ['our own without an index', withoutIndex],
  ]

  async function withoutIndex(backup: string, to: string): Promise<void> {
    renameSync(`${backup}.index`, `${backup}.aside`)
    await whole(backup, format, to)
    renameSync(`${backup}.aside`, `${backup}.index`)
  }
}

function byBsdtar(backup: string, to: string): void {
  mkdirSync(to)
  execFileSync('bsdtar', ['-x', '-p', '--numeric-owner', '-f', backup, '-C', to])
}

async function whole(backup: string, format: ArchiveFormat, to: string): Promise<void> {
  const { faults, lost, damage } = await unpacked(backup, to, { format })
  if (faults.length > 0 || lost.size > 0 || damage !== null)
    throw new Error(`not all is unpacked: ${JSON.stringify([faults, [...lost], damage])}`)
}

export function unpacked(file: string, to: string, options: Partial<UnpackRequest> = {}): Promise<UnpackResult> {
  return unpack({ file, to, format: 'tar.zst', paths: [], overwrite: false, ...options }, new Pulse(() => {}))
}

/** A folder beside others that is not there yet. */
export function newFolder(within: string): string {
  return join(within, `restored-${Math.random()}`)
}

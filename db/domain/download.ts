// A link to a backup: what it leads to at this moment.
import type { ArchiveFormat } from './archive.ts'
import type { BackupState } from './backup.ts'

/** Hours a link is valid. */
export const downloadHours = 24

/** missing: a folder backup that has to be packed first. offline: its host does not answer. gone: it is not delivered. */
export const downloadStates = ['ready', 'preparing', 'missing', 'offline', 'gone', 'expired'] as const
export type DownloadState = (typeof downloadStates)[number]

interface Facts {
  expires_at: Date
  format: ArchiveFormat
  backup_state: BackupState
  trashed_at: Date | null
  prepared: 'none' | 'preparing' | 'ready' | 'failed'
  host_online: boolean
}

export function stateOfDownload(download: Facts, now: Date): DownloadState {
  if (download.expires_at <= now) return 'expired'
  if (whyNot({ state: download.backup_state, trashed_at: download.trashed_at, verify_error: '' })) return 'gone'
  if (download.format !== 'folder' || download.prepared === 'ready') return download.host_online ? 'ready' : 'offline'
  return download.prepared === 'preparing' ? 'preparing' : 'missing'
}

/** Why a backup is not delivered, in words; empty when it is. */
export function whyNot(backup: { state: BackupState; trashed_at: Date | null; verify_error: string }): string {
  if (backup.state === 'deleted') return 'This backup has been deleted'
  if (backup.trashed_at) return 'This backup is in the trash. Until it is deleted for good, it can be taken out again'
  if (backup.state === 'corrupt') {
    return `This backup was found damaged when it was read back, and is not delivered${backup.verify_error && `: ${backup.verify_error}`}`
  }
  return ''
}

/** A folder is delivered as one file. */
export function deliveredName(backup: { path: string; format: ArchiveFormat }): string {
  const name = backup.path.slice(backup.path.lastIndexOf('/') + 1)
  return backup.format === 'folder' ? `${name.replace(/\.folder$/, '')}.tar.zst` : name
}

/** Of the packed file, in its host's folder for downloads. */
export function preparedName(backup: { backup_id: number; path: string; format: ArchiveFormat }): string {
  return `${backup.backup_id}_${deliveredName(backup)}`
}

export function contentType(format: ArchiveFormat): string {
  return {
    'tar.zst': 'application/zstd',
    folder: 'application/zstd',
    'tar.gz': 'application/gzip',
    tar: 'application/x-tar',
  }[format]
}

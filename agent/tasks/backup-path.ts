// Where a backup lies below the archives folder. Pure.
import type { ArchiveFormat } from 'db/domain/archive'

/**
 * `<archive>/<stack>/<YYYYMMDD_HHMMSS>_<stack>.tar.zst`, in local time of `timeZone`; `copy` 2 and up adds `-2`.
 * A folder has no extension.
 */
export function backupPath(
  folders: { archive: string; stack: string },
  at: Date,
  timeZone: string,
  format: ArchiveFormat,
  copy: number,
): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(at)
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((candidate) => candidate.type === type)?.value ?? ''
  const stamp = `${part('year')}${part('month')}${part('day')}_${part('hour')}${part('minute')}${part('second')}`
  const suffix = copy > 1 ? `-${copy}` : ''
  const extension = format === 'folder' ? '' : `.${format}`
  return `${folders.archive}/${folders.stack}/${stamp}_${folders.stack}${suffix}${extension}`
}

export interface BackupPath {
  archive: string
  stack: string
  /** `<YYYYMMDD_HHMMSS>_<stack>[-n][.<format>]` */
  name: string
}

/** A path we would have made ourselves, taken apart; null for any other. Trusts nobody: `..` and the like are no names. */
export function parseBackupPath(path: string): BackupPath | null {
  const [archive, stack, name, ...more] = path.split('/')
  if (!archive || !stack || !name || more.length > 0) return null
  if (!isFolderName(archive) || !isFolderName(stack) || !isBackupName(name, stack)) return null
  return { archive, stack, name }
}

/** Sorts as the names' ages do: what found its name taken is newer than what has it, so `…-2` comes after. */
export function ageOf({ stack, name }: Pick<BackupPath, 'stack' | 'name'>): string {
  const stamp = name.slice(0, 'YYYYMMDD_HHMMSS'.length)
  const [, copy = '1'] = /^-(\d+)/.exec(name.slice(`${stamp}_${stack}`.length)) ?? []
  return stamp + copy.padStart(10, '0')
}

/** As archiver.folder_name makes them: one safe path component that does not begin with a dot. */
export function isFolderName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)
}

export function isBackupName(name: string, stack: string): boolean {
  const [, rest = ''] = /^\d{8}_\d{6}_(.*)$/s.exec(name) ?? []
  return rest.startsWith(stack) && /^(-[1-9]\d*)?(\.tar\.zst|\.tar\.gz|\.tar|\.folder)?$/.test(rest.slice(stack.length))
}

/** The hidden file a backup is written to, or removed under; followed by nothing, so that each can be told from it. */
export function partialName(name: string, taskId: number): string {
  return `.${name}.${taskId}.partial`
}

export function isPartialName(name: string, stack: string): boolean {
  const [, backup = ''] = /^\.(.+)\.\d+\.partial$/s.exec(name) ?? []
  return isBackupName(backup, stack)
}

// Where a backup lies below the archives folder. Pure.

/** `<archive>/<stack>/<YYYYMMDD_HHMMSS>_<stack>.tar.zst`, in local time of `timeZone`; `copy` 2 and up adds `-2`. */
export function backupPath(
  folders: { archive: string; stack: string },
  at: Date,
  timeZone: string,
  extension: string,
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
  return `${folders.archive}/${folders.stack}/${stamp}_${folders.stack}${suffix}.${extension}`
}

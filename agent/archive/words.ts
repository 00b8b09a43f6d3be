// Texts for people: paths that may be any bytes, and system errors.

/** Bytes (as latin1) for a log line: UTF-8 as it is, control characters and other bytes as \n, \t or \xNN. */
export function printable(name: string): string {
  const raw = Buffer.from(name, 'latin1')
  let text = raw.toString()
  if (!Buffer.from(text).equals(raw)) text = name.replace(/[\x80-\xff]/g, escapeByte)
  return text.replace(/\p{Cc}/gu, (c) => (c === '\n' ? '\\n' : c === '\t' ? '\\t' : escapeByte(c)))
}

function escapeByte(c: string): string {
  return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
}

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'the system does not permit it',
  ENOENT: 'it does not exist',
  ENOTDIR: 'it is not a folder',
  EISDIR: 'it is a folder',
  EIO: 'the disk reports an input/output error',
  ELOOP: 'it is a symbolic link, or too many lead there',
  ENAMETOOLONG: 'its path is too long',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on this machine',
  ESTALE: 'the network file system lost it',
  ETIMEDOUT: 'the file system did not answer in time',
}

/** Why a system call failed, to follow a colon. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return (code !== undefined && reasons[code]) || message
}

/** Why the backup's own file could not be written, as a sentence. */
export function writeFailure(file: string, error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
      return `no space left on the device that holds ${file}`
    case 'EDQUOT':
      return `the disk quota is used up where ${file} is`
    case 'EROFS':
      return `the file system that holds ${file} is read-only`
    case 'EFBIG':
      return `${file} is larger than its file system or a limit allows`
    default:
      return `${file} cannot be written: ${reasonOf(error)}`
  }
}

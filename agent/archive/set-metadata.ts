// Gives what was unpacked its owner, mode, attributes and time. What the system does not take is counted, not fatal.
import { chmodSync, closeSync, constants, fchmodSync, fchownSync, lchownSync, openSync } from 'node:fs'
import { attributeOf } from './attributes.ts'
import { setAttribute, setLinkTime, setTime } from './system-calls.ts'
import type { TarHead } from './tar-head.ts'

/** Of how many entries something could not be kept: "owner", "mode", "time" or "attribute …". */
export type Lost = Map<string, number>

const setIdBits = 0o6000

/** Of an open file or folder, after its content. */
export function setByDescriptor(fd: number, head: TarHead, lost: Lost): void {
  const isOwned = attempt('owner', lost, () => fchownSync(fd, head.uid, head.gid))
  const later: [name: string, value: Buffer][] = []
  for (const [key, value] of head.records) {
    attempt(`attribute ${key.replace(/^SCHILY\.(xattr\.)?/, '')}`, lost, () => {
      const attribute = attributeOf(key, value)
      if (attribute?.name.startsWith('system.posix_acl_')) later.push([attribute.name, attribute.value])
      else if (attribute) setAttribute(fd, attribute.name, attribute.value)
    })
  }
  attempt('mode', lost, () => fchmodSync(fd, safeMode(head, isOwned))) // after the owner, whose change takes setuid bits away
  // after the mode, which would change their mask
  for (const [name, value] of later) attempt(`attribute ${name}`, lost, () => setAttribute(fd, name, value))
  attempt('time', lost, () => setTime(fd, head.mtimeNs))
}

export function setOfLink(path: Buffer, head: TarHead, lost: Lost): void {
  attempt('owner', lost, () => lchownSync(path, head.uid, head.gid))
  attempt('time', lost, () => setLinkTime(path, head.mtimeNs))
}

/** <fcntl.h>: names a file without opening it: nobody waits for a FIFO's other end, no device notices. */
const O_PATH = 0o10000000

export function setOfSpecial(path: Buffer, head: TarHead, lost: Lost): void {
  const isOwned = attempt('owner', lost, () => lchownSync(path, head.uid, head.gid))
  attempt('mode', lost, () => {
    const fd = openSync(path, O_PATH | constants.O_NOFOLLOW)
    try {
      chmodSync(`/proc/self/fd/${fd}`, safeMode(head, isOwned))
    } finally {
      closeSync(fd)
    }
  })
  attempt('time', lost, () => setLinkTime(path, head.mtimeNs))
}

/** A program that ran as its owner must not run as another. */
function safeMode({ mode }: TarHead, isOwned: boolean): number {
  return isOwned ? mode : mode & ~setIdBits
}

function attempt(what: string, lost: Lost, call: () => void): boolean {
  try {
    call()
    return true
  } catch {
    lost.set(what, (lost.get(what) ?? 0) + 1)
    return false
  }
}

// One entry as a line of the index; see index-file.ts for what stands in it.
import { isUtf8 } from 'node:buffer'
import type { Entry } from './frame-jobs.ts'

export function lineOf(entry: Entry): string {
  const name = jsonName(entry.name)
  switch (entry.kind) {
    case 'hardLink':
      return `["h",${name},${jsonName(entry.first)}]`
    case 'made':
      return `["a",${name},${entry.mode},${entry.content.length}]`
    default: {
      const last = entry.kind === 'symlink' ? jsonName(entry.target) : entry.kind === 'file' ? entry.size : entry.rdev
      return `["${letters[entry.kind]}",${name},${entry.mode},${entry.uid},${entry.gid},"${entry.mtimeNs}","${entry.ctimeNs}",${entry.ino},${last}]`
    }
  }
}

const letters = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  characterDevice: 'c',
  blockDevice: 'b',
} as const

/** Marks the line of a file that is to be read again, because it may change, or have changed, without a trace. */
export function reread(line: string): string {
  return line.startsWith('["f"') && !isReread(line) ? `${line.slice(0, -1)},"reread"]` : line
}

export function isReread(line: string): boolean {
  return line.startsWith('["f"') && line.endsWith(',"reread"]')
}

export interface IndexEntry {
  type: 'f' | 'd' | 'l' | 'p' | 'c' | 'b' | 'h' | 'a'
  /** Bytes as latin1. */
  name: string
  /** Of a symbolic link, or the first name of a hard link. */
  target?: string
  mode?: number
  uid?: number
  gid?: number
  mtimeNs?: bigint
  size?: number
  /** Of a device. */
  rdev?: bigint
}

/** Throws where a line is none of ours. */
export function parseLine(line: string): IndexEntry {
  const [type, name, ...rest] = JSON.parse(line) as [IndexEntry['type'], JsonName, ...unknown[]]
  const known = { type, name: latin1Name(name) }
  switch (type) {
    case 'h':
      return { ...known, target: latin1Name(rest[0] as JsonName) }
    case 'a':
      return { ...known, mode: Number(rest[0]), size: Number(rest[1]) }
    case 'f':
    case 'd':
    case 'l':
    case 'p':
    case 'c':
    case 'b': {
      const [mode, uid, gid, mtime, , , last] = rest
      const entry = {
        ...known,
        mode: Number(mode),
        uid: Number(uid),
        gid: Number(gid),
        mtimeNs: BigInt(mtime as string),
      }
      if (type === 'l') return { ...entry, target: latin1Name(last as JsonName) }
      return type === 'f' ? { ...entry, size: Number(last) } : { ...entry, rdev: BigInt(last as number) }
    }
    default:
      throw new Error(`an entry of the unknown kind ${JSON.stringify(type)}`)
  }
}

/** The name alone, of any line. */
export function nameIn(line: string): string {
  return parseLine(line).name
}

/** False where a line surely is about nothing that begins with this name: to find out for good takes fifty times as long. */
export function mayBegin(line: string, name: string): boolean {
  return !plain.test(name) || line.includes(`"${name}`)
}

type JsonName = string | { bytes: string }

const plain = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/

function jsonName(name: string): string {
  if (plain.test(name)) return `"${name}"`
  const bytes = Buffer.from(name, 'latin1')
  return JSON.stringify(isUtf8(bytes) ? bytes.toString() : { bytes: bytes.toString('base64') })
}

function latin1Name(name: JsonName): string {
  return (typeof name === 'string' ? Buffer.from(name) : Buffer.from(name.bytes, 'base64')).toString('latin1')
}

/** Negative where `a` comes before `b` in a walk: by folder, then by the bytes of the name. */
export function inWalkOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left === right) continue
    if (left === slash) return -1
    if (right === slash) return 1
    return left - right
  }
  return a.length - b.length
}

const slash = '/'.charCodeAt(0)

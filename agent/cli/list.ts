// docker-archiver list
import { resolve } from 'node:path'
import { isUtf8 } from 'node:buffer'
import { formatOf } from '../archive/format-of.ts'
import { list as listNow, type Listed } from '../archive/list.ts'
import { printable } from '../archive/words.ts'
import { telling } from './tell.ts'
import { parse } from './usage.ts'

export async function list(args: string[]): Promise<number> {
  const { values, paths } = parse(args, {}, 'FILE')
  const file = resolve(paths[0] ?? '')
  const { pulse, remark } = telling(values.json === true)
  const inWords = values.json ? jsonOf : lineOf
  using out = new Lines()
  const index = await listNow(file, formatOf(file), (entry) => out.add(inWords(entry)), pulse)
  if (index === 'damaged' && !values.json)
    remark({ type: 'warning', path: '', text: `the index of ${file} is damaged; this is from the backup itself` })
  return 0
}

/** Written together: a system call for each would take longer than all else. */
class Lines implements Disposable {
  #lines: string[] = []

  add(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length >= 1000) this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    process.stdout.write(this.#lines.map((line) => `${line}\n`).join(''))
    this.#lines = []
  }
}

const kinds: Record<Listed['kind'], [letter: string, word: string]> = {
  file: ['-', 'file'],
  directory: ['d', 'directory'],
  symlink: ['l', 'symlink'],
  hardLink: ['h', 'hardlink'],
  fifo: ['p', 'fifo'],
  characterDevice: ['c', 'character'],
  blockDevice: ['b', 'block'],
  unknown: ['?', 'unknown'],
}

function jsonOf({ kind, name, mode, uid, gid, size, mtimeNs, target, rdev }: Listed): string {
  const isDevice = kind === 'characterDevice' || kind === 'blockDevice'
  return JSON.stringify({
    type: kinds[kind][1],
    name: jsonName(name),
    mode,
    uid,
    gid,
    size,
    mtime: String(mtimeNs),
    ...(target === '' ? {} : { target: jsonName(target) }),
    ...(isDevice ? { device: `${majorOf(rdev)},${minorOf(rdev)}` } : {}),
  })
}

function jsonName(name: string): string | { bytes: string } {
  const bytes = Buffer.from(name, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : { bytes: bytes.toString('base64') }
}

/** As `tar -tv --numeric-owner`. */
function lineOf(entry: Listed): string {
  const { kind, mode, uid, gid, size, mtimeNs, target, rdev } = entry
  const isDevice = kind === 'characterDevice' || kind === 'blockDevice'
  const what = isDevice ? `${majorOf(rdev)},${minorOf(rdev)}` : String(size)
  const owner = `${uid}/${gid}`
  const link =
    kind === 'symlink' ? ` -> ${printable(target)}` : kind === 'hardLink' ? ` link to ${printable(target)}` : ''
  const name = printable(entry.name) + (kind === 'directory' ? '/' : '')
  return `${kinds[kind][0]}${letters(mode)} ${owner} ${what.padStart(18 - owner.length)} ${localTime(mtimeNs)} ${name}${link}`
}

function letters(mode: number): string {
  const plain = [...'rwxrwxrwx'].map((letter, at) => (mode & (0o400 >> at) ? letter : '-'))
  for (const [bit, at, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const)
    if (mode & bit) plain[at] = plain[at] === 'x' ? letter : letter.toUpperCase()
  return plain.join('')
}

function localTime(ns: bigint): string {
  const time = new Date(Number(ns / 1_000_000n))
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
}

/** As glibc's gnu_dev_major and gnu_dev_minor. */
function majorOf(rdev: bigint): bigint {
  return ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
}

function minorOf(rdev: bigint): bigint {
  return (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)
}

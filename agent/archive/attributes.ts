// Extended attributes and ACLs as pax records, as GNU tar, bsdtar and star write them.
import { paxRecord } from './header.ts'
import { attributesOf } from './system-calls.ts'

const aclNames: Record<string, string> = {
  'system.posix_acl_access': 'SCHILY.acl.access',
  'system.posix_acl_default': 'SCHILY.acl.default',
}

/** Records of an open file or folder, bytes as latin1. */
export function attributeRecords(fd: number): string {
  let records = ''
  for (const [name, value] of attributesOf(fd)) {
    const acl = aclNames[name]
    if (acl !== undefined) records += paxRecord(acl, aclText(value))
    // a name with "=" cannot be told from its value
    else if (!name.includes('=')) records += paxRecord(`SCHILY.xattr.${name}`, value.toString('latin1'))
  }
  return records
}

/** <linux/posix_acl_xattr.h>: a version, then entries of tag, permissions and id, little-endian. */
const aclVersion = 2
const entryLength = 8
const tags: [tag: number, word: string, named: boolean][] = [
  [0x01, 'user', false],
  [0x02, 'user', true],
  [0x04, 'group', false],
  [0x08, 'group', true],
  [0x10, 'mask', false],
  [0x20, 'other', false],
]

/** `user::rwx,user:1000:r--:1000,…`: numbers for names, and again for bsdtar. Throws where the value is no ACL. */
export function aclText(value: Buffer): string {
  if (value.length < 4 || value.readUInt32LE(0) !== aclVersion) throw new Error('an ACL of an unknown version')
  const parts: string[] = []
  for (let at = 4; at + entryLength <= value.length; at += entryLength) {
    const [, word, named] = tags.find(([tag]) => tag === value.readUInt16LE(at)) ?? []
    const permissions = value.readUInt16LE(at + 2)
    const letters = ['r', 'w', 'x'].map((letter, bit) => (permissions & (4 >> bit) ? letter : '-')).join('')
    const id = value.readUInt32LE(at + 4)
    if (word !== undefined) parts.push(named ? `${word}:${id}:${letters}:${id}` : `${word}::${letters}`)
  }
  return parts.join(',')
}

/** Others write names, with or without the number behind them. */
const aclPart = /^(user|group|mask|other):([^:]*):([r-][w-][x-])(?::(\d+))?$/

/** The value of `system.posix_acl_*` for such a text. Throws where it is none. */
export function aclValue(text: string): Buffer {
  const parts = text.split(/[,\n]/).filter((part) => part !== '')
  const value = Buffer.alloc(4 + parts.length * entryLength)
  value.writeUInt32LE(aclVersion, 0)
  const order: Buffer[] = parts.map((part) => {
    const [, word, name = '', letters = '', number = name] = aclPart.exec(part) ?? []
    const id = number === '' || /^\d+$/.test(number) ? number : 'a name'
    const known = tags.find(([, other, named]) => other === word && named === (id !== ''))
    if (!known || id === 'a name') throw new Error(`no part of an ACL: ${part.slice(0, 80)}`)
    const entry = Buffer.alloc(entryLength)
    entry.writeUInt16LE(known[0], 0)
    entry.writeUInt16LE(
      [...letters].reduce((sum, letter, bit) => sum + (letter === '-' ? 0 : 4 >> bit), 0),
      2,
    )
    entry.writeUInt32LE(id === '' ? 0xffffffff : Number(id), 4)
    return entry
  })
  // the kernel wants them by kind and number; bsdtar writes them otherwise
  order.sort((a, b) => a.readUInt16LE(0) - b.readUInt16LE(0) || a.readUInt32LE(4) - b.readUInt32LE(4))
  Buffer.concat(order).copy(value, 4)
  return value
}

/** The name of the attribute that a pax record sets, and its value; null for any other record. */
export function attributeOf(key: string, value: string): { name: string; value: Buffer } | null {
  const acl = Object.entries(aclNames).find(([, record]) => record === key)
  if (acl) return { name: acl[0], value: aclValue(value) }
  if (!key.startsWith('SCHILY.xattr.')) return null
  return { name: key.slice('SCHILY.xattr.'.length), value: Buffer.from(value, 'latin1') }
}

// Writes tars that no packer would: whatever a test wants to stand in them.
import { writeFileSync } from 'node:fs'
import { encodeHead, endOfArchive, paddedSize, typeflags, type EntryHead } from '../header.ts'

export type SmallEntry = Partial<Omit<EntryHead, 'size'>> & { name: string; content?: string | Buffer; size?: number }

/** `size` lies about the content where it is given. */
export function entry({ content = '', typeflag = typeflags.file, size, ...head }: SmallEntry): Buffer {
  const bytes = Buffer.from(content)
  const told = size ?? bytes.length
  return Buffer.concat([
    encodeHead({ mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, ...head, typeflag, size: told }),
    bytes,
    Buffer.alloc(paddedSize(bytes.length) - bytes.length),
  ])
}

export const folder = (name: string): Buffer => entry({ name: `${name}/`, typeflag: typeflags.directory, mode: 0o755 })
export const symlink = (name: string, linkname: string): Buffer =>
  entry({ name, linkname, typeflag: typeflags.symlink })
export const hardLink = (name: string, linkname: string): Buffer =>
  entry({ name, linkname, typeflag: typeflags.hardLink })

export function writeTar(path: string, ...entries: Buffer[]): string {
  writeFileSync(path, Buffer.concat([...entries, endOfArchive]))
  return path
}

// Everything about a folder's contents that an archive has to keep, for comparing two of them.
import { createHash } from 'node:crypto'
import { lstat, open, readdir, readlink } from 'node:fs/promises'

/** One line an entry, sorted: name (escaped), type, mode, owner, mtime in ns, and hash or target. The folder itself is `.`. */
export async function treeOf(folder: string): Promise<string[]> {
  const lines: string[] = []
  await describe(Buffer.from(folder), Buffer.from('.'), lines)
  return lines.sort()
}

async function describe(path: Buffer, name: Buffer, lines: string[]): Promise<void> {
  const found = await lstat(path, { bigint: true })
  const type = found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : found.isFile() ? 'file' : 'other'
  const content =
    type === 'file' ? await hashOf(path) : type === 'link' ? (await readlink(path, 'buffer')).toString('latin1') : ''
  const mode = (found.mode & 0o7777n).toString(8)
  lines.push(
    [JSON.stringify(name.toString('latin1')), type, mode, found.uid, found.gid, found.mtimeNs, content].join(' '),
  )
  if (type !== 'folder') return
  for (const entry of await readdir(path, { encoding: 'buffer' }))
    await describe(
      Buffer.concat([path, Buffer.from('/'), entry]),
      Buffer.concat([name, Buffer.from('/'), entry]),
      lines,
    )
}

async function hashOf(path: Buffer): Promise<string> {
  await using file = await open(path)
  const hash = createHash('sha256')
  for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

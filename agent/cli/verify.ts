// docker-archiver verify
import { resolve } from 'node:path'
import { formatOf } from '../archive/format-of.ts'
import { verify as verifyNow } from '../archive/verify.ts'
import { inBytes, inEntries, telling } from './tell.ts'
import { parse } from './usage.ts'

export async function verify(args: string[]): Promise<number> {
  const { values, paths } = parse(args, { rebuild: { type: 'boolean' } }, 'FILE')
  const file = resolve(paths[0] ?? '')
  const { pulse, remark, result } = telling(values.json === true)
  const format = formatOf(file)
  const found = await verifyNow({ op: 'verify', file, format, frames: 'all' }, pulse)
  const isLost = found.index === 'damaged' || found.index === 'missing'
  if (isLost && values.rebuild && format !== 'folder') {
    const { rebuildIndex } = await import('../archive/rebuild-index.ts')
    const isThere = await rebuildIndex(file, format, pulse)
    const text = isThere
      ? `the index of ${file} is made anew`
      : `${file} cannot be read in parts: it stays without an index`
    remark({ type: 'note', path: '', text })
  } else if (found.index === 'damaged')
    remark({ type: 'warning', path: '', text: `the index of ${file} is damaged; the backup itself is whole` })
  else if (found.index === 'missing')
    remark({
      type: 'note',
      path: '',
      text: `${file} has no index: it was checked by the checksums of its format alone`,
    })
  const words = `${inEntries(found.entry_count)} with ${inBytes(found.content_bytes)} are whole`
  result({ file, format, ...found }, words)
  return found.index === 'damaged' && !values.rebuild ? 1 : 0
}

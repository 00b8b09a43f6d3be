// One file of 20 GB, nearly all of it a hole.
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Scale } from '../engine.ts'
import type { Row } from '../measure.ts'
import { Archiver } from './archiver.ts'
import { Content } from './content.ts'
import { makeFileSystem } from './file-system.ts'
import { memoryRow, toldRow } from './rows.ts'

const size = 20e9
const extents = 1000

export async function sparseFile(work: string, { share }: Scale): Promise<Row[]> {
  await using disk = await makeFileSystem('ext4', work, 8)
  const source = join(disk.path, 'stack')
  mkdirSync(source)
  const fd = openSync(join(source, 'disk.img'), 'w')
  const data = new Content('a disk').make('database', 64 * 1024)
  ftruncateSync(fd, Math.round(size * share))
  for (let at = 0; at < extents; at++)
    writeSync(fd, data, 0, data.length, Math.floor((at * size * share) / extents / 4096) * 4096)
  closeSync(fd)
  const cost = await new Archiver(work).packs(source, join(disk.path, 'sparse.tar.zst'))()
  return [memoryRow('one sparse file of 20 GB', [cost]), toldRow('one sparse file of 20 GB', [cost])]
}

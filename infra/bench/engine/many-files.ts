// A million small files: what each costs, and that memory does not grow with them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Scale } from '../engine.ts'
import type { Row } from '../measure.ts'
import { Archiver } from './archiver.ts'
import { Content } from './content.ts'
import { makeFileSystem } from './file-system.ts'
import { seconds } from './measured.ts'
import { memoryRow, toldRow } from './rows.ts'

const filesInFolder = 500
const leastRate = 100_000

export async function manyFiles(work: string, { share }: Scale): Promise<Row[]> {
  await using disk = await makeFileSystem('ext4', work, 8)
  const archiver = new Archiver(work)
  const source = join(disk.path, 'stack')
  const count = Math.round(1_000_000 * share)
  makeMany(source, count)
  await disk.settle()
  const [first, second] = [join(disk.path, '0.tar.zst'), join(disk.path, '1.tar.zst')]
  const made = await archiver.packs(source, first)()
  const again = await archiver.packs(source, second, first)()
  const rate = count / again.wall
  const what = `${count.toLocaleString('en')} files`
  return [
    memoryRow(`${what}, first archive`, [made]),
    toldRow(`${what}, first archive`, [made]),
    memoryRow(`${what}, again`, [again]),
    {
      what: `${what}, again: all of it, for each file looked at`,
      wanted: `≥ ${leastRate.toLocaleString('en')} files a second`,
      measured: `${Math.round(rate).toLocaleString('en')} (${seconds(again.wall)})`,
      reached: rate >= leastRate,
    },
  ]
}

function makeMany(source: string, count: number): void {
  const texts = new Content('many files').make('text', 64 * 1024)
  for (let at = 0; at < count; at++) {
    const folder = join(
      source,
      `folder-${Math.floor(at / filesInFolder / 40)}`,
      `folder-${Math.floor(at / filesInFolder) % 40}`,
    )
    if (at % filesInFolder === 0) mkdirSync(folder, { recursive: true })
    const begin = (at * 37) % 60_000
    writeFileSync(join(folder, `message-${at}.eml`), texts.subarray(begin, begin + 100 + (at % 900)))
  }
}

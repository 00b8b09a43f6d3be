// The stack on a file system that shares blocks: a backup costs what changed, in time and in space.
import { join } from 'node:path'
import type { Scale } from '../engine.ts'
import { percentile, type Row } from '../measure.ts'
import { Archiver } from './archiver.ts'
import { liveThroughDay, makeCorpus } from './corpus.ts'
import { makeFileSystem } from './file-system.ts'
import { inTurns } from './measured.ts'
import { fasterRow } from './rows.ts'
import { tarZstd } from './tree-peers.ts'

const mostSpace = 3

export async function onXfs(work: string, { share, rounds }: Scale): Promise<Row[]> {
  await using disk = await makeFileSystem('xfs', work, 12)
  const archiver = new Archiver(work)
  const source = join(disk.path, 'stack')
  const backup = (day: number) => join(disk.path, `${day}.tar.zst`)
  makeCorpus(source, share)
  await disk.settle()
  await archiver.packs(source, backup(0))()

  let day = 0
  let changed = 0
  const spaces: number[] = []
  const ours = async () => {
    const before = await disk.used()
    const cost = await archiver.packs(source, backup(day), backup(day - 1))()
    spaces.push(((await disk.used()) - before) / changed)
    return cost
  }
  const again = await inTurns({ ours, tar: tarZstd(source, join(disk.path, 'tar.tar.zst')) }, rounds, async () => {
    changed = liveThroughDay(source, share, ++day).bytes
    await disk.settle()
  })
  const what = 'again after a day with 1 % changed, XFS with shared blocks'
  const space = percentile(spaces, 0.5)
  return [
    fasterRow(`${what}, as \`tar c\` with \`zstd -T0 -3\``, again.ours, again.tar, 20),
    {
      what: `${what}: new disk space`,
      wanted: `≤ ${mostSpace} × what changed`,
      measured: `${space.toFixed(2)} × of ${(changed / 1e6).toFixed(1)} MB`,
      reached: space <= mostSpace,
    },
  ]
}

// The stack on a file system that does not share blocks, as most servers have.
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Scale } from '../engine.ts'
import type { Row } from '../measure.ts'
import { Archiver } from './archiver.ts'
import { liveThroughDay, makeCorpus } from './corpus.ts'
import { makeFileSystem, type FileSystem } from './file-system.ts'
import { costOf, inTurns, type Contender, type Cost } from './measured.ts'
import type { Restic } from './peers.ts'
import { fasterRow, memoryRow, notSlowerRow, shareRow, toldRow } from './rows.ts'
import { borgIn, resticIn, tarZstd } from './tree-peers.ts'
import { windowOf } from './window.ts'

const printOne = new URL('./print-one.ts', import.meta.url)

export async function onExt4(work: string, scale: Scale, restics: Restic[]): Promise<Row[]> {
  await using disk = await makeFileSystem('ext4', work, 16)
  const archiver = new Archiver(work)
  const source = join(disk.path, 'stack')
  const at = (name: string) => join(disk.path, name)
  makeCorpus(source, scale.share)
  await disk.settle()

  const tar = tarZstd(source, at('tar.tar.zst'))
  const keepers = [...restics.map((one) => resticIn(disk.path, source, one)), borgIn(disk.path, source)]
  const first = await inTurns({ ours: archiver.packs(source, at('0.tar.zst')), tar }, scale.rounds)
  const rows = [
    fasterRow('first archive of the stack, as `tar c` with `zstd -T0 -3`', first.ours, first.tar, 1.2),
    memoryRow('first archive of the stack', first.ours),
  ]
  for (const keeper of keepers) {
    await keeper.begin()
    rows.push(toldRow(`first archive: ${keeper.name}`, [await keeper.backUp()]))
  }

  rows.push(...(await restored(archiver, disk, at, scale)))
  rows.push(await windowRow(archiver, disk, source, scale, first.tar))

  let day = 0
  const ours: Contender = () => archiver.packs(source, at(`${day}.tar.zst`), at(`${day - 1}.tar.zst`))()
  const peers = Object.fromEntries(keepers.map((keeper): [string, Contender] => [keeper.name, keeper.backUp]))
  const contenders: Record<string, Contender> = { ours, tar, ...peers }
  const again = await inTurns(contenders, scale.rounds, async () => {
    liveThroughDay(source, scale.share, ++day)
    await disk.settle()
  })
  const of = (name: string): Cost[] => again[name] ?? []
  const what = 'again after a day with 1 % changed, without shared blocks'
  rows.push(
    fasterRow(`${what}, as \`tar c\` with \`zstd -T0 -3\``, of('ours'), of('tar'), 5),
    ...keepers.map(({ name }) =>
      name === 'borg'
        ? toldRow(`${what}: ${name}`, of(name))
        : notSlowerRow(`${what}, than ${name}`, of('ours'), of(name)),
    ),
  )
  for (const keeper of keepers) await keeper.end()
  return rows
}

/** Everything, and one file. */
async function restored(
  archiver: Archiver,
  disk: FileSystem,
  at: (name: string) => string,
  { rounds }: Scale,
): Promise<Row[]> {
  const [ours, theirs] = [at('0.tar.zst'), at('tar.tar.zst')]
  const one = 'stack/data/uploads/part-3/file-123.jpg'
  const single = await inTurns(
    {
      ours: () => archiver.run('unpack', '--path', one, ours, '-'),
      tar: () => costOf(['tar', '--zstd', '-xOf', theirs, one]),
      within: () => archiver.tells(printOne, ours, one),
      node: () => costOf([process.execPath, '-e', '0']),
    },
    rounds,
  )
  const emptied = async () => {
    for (const name of ['ours', 'theirs']) await rm(at(name), { recursive: true, force: true })
    for (const name of ['ours', 'theirs']) await mkdir(at(name))
    await disk.flush()
  }
  const flushed = async (name: string, unpack: Promise<Cost>): Promise<Cost> => {
    const cost = await unpack
    const flush = await costOf(['sync', '-f', at(name)])
    return { wall: cost.wall + flush.wall, cpu: cost.cpu + flush.cpu, rss: cost.rss }
  }
  const all = await inTurns(
    {
      ours: () => flushed('ours', archiver.run('unpack', ours, at('ours'))),
      tar: () => flushed('theirs', costOf(['tar', '--zstd', '-xf', theirs, '-C', at('theirs')])),
    },
    rounds,
    emptied,
  )
  await emptied()
  return [
    shareRow('one file out of it, as `tar --zstd -xOf`', single.ours, single.tar, 50),
    shareRow('the same in a process that runs already, as the agent has', single.within, single.tar, 50),
    toldRow('the start of Node alone', single.node),
    fasterRow('all of it unpacked, as `tar --zstd -x`', all.ours, all.tar, 1),
    memoryRow('all of it unpacked', all.ours),
  ]
}

/** The tree is copied for it: what is packed later is to differ by its own days alone. */
async function windowRow(
  archiver: Archiver,
  disk: FileSystem,
  source: string,
  scale: Scale,
  tar: Cost[],
): Promise<Row> {
  const copy = join(disk.path, 'hot', 'stack')
  await cp(source, copy, { recursive: true, preserveTimestamps: true })
  await disk.settle()
  const windows = await windowOf(archiver, copy, join(disk.path, 'hot.tar.zst'), scale)
  await rm(join(disk.path, 'hot'), { recursive: true })
  return shareRow('stopped window with 1 % hot, as `tar c` with `zstd -T0 -3` of all of it', windows, tar, 20)
}

// The stack that is archived: 1.4 GB in 6,500 files, half of the bytes hardly compressible; and what a day changes in it.
import { appendFileSync, closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Chance, Content, type Kind } from './content.ts'

const kB = 1000
const MB = 1000 * kB

interface Sort {
  folder: string
  ending: string
  kind: Kind
  files: number
  /** Bytes; every doubling between them is as likely as the next. */
  sizes: [least: number, most: number]
}

/** 0.9 GB. */
const sorts: Sort[] = [
  { folder: 'app/src', ending: '.js', kind: 'text', files: 4000, sizes: [500, 150 * kB] },
  { folder: 'app/modules', ending: '.so', kind: 'program', files: 700, sizes: [8 * kB, MB] },
  { folder: 'data/uploads', ending: '.jpg', kind: 'media', files: 1800, sizes: [40 * kB, 1200 * kB] },
]

const database = 'data/db/base/16384.dat'
const log = 'logs/access.log'

/** 0.5 GB. */
const large: { name: string; kind: Kind; size: number }[] = [
  { name: database, kind: 'database', size: 96 * MB },
  { name: 'data/db/base/16390.dat', kind: 'database', size: 150 * MB },
  { name: log, kind: 'text', size: 110 * MB },
  { name: 'app/modules/server.bin', kind: 'program', size: 50 * MB },
  { name: 'data/films/first.mp4', kind: 'media', size: 60 * MB },
  { name: 'data/films/second.mp4', kind: 'media', size: 30 * MB },
]

const filesInFolder = 40

export interface Amount {
  files: number
  bytes: number
}

/** `share` 1 is the whole of it. */
export function makeCorpus(folder: string, share: number): Amount {
  const content = new Content('a stack')
  const chance = new Chance('its files')
  const amount: Amount = { files: 0, bytes: 0 }
  const put = (name: string, bytes: Buffer) => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
    count(amount, bytes.length)
  }
  for (const sort of sorts)
    for (let at = 0; at < sort.files * share; at++)
      put(nameOf(sort, at), content.make(sort.kind, chance.spread(...sort.sizes)))
  for (const { name, kind, size } of large) put(name, content.make(kind, Math.round(size * share)))
  return amount
}

/**
 * About 1 % of bytes and files: one text and one program in a hundred, anywhere, is another; there are new uploads; the log has
 * grown; pages of a database are others, in three places. Other ones for each day.
 */
export function liveThroughDay(folder: string, share: number, day: number): Amount {
  const content = new Content(`day ${day}`)
  const chance = new Chance(`changes of day ${day}`)
  const amount: Amount = { files: 0, bytes: 0 }
  const size = (bytes: number) => Math.round(bytes * share)
  for (const sort of sorts) {
    const isNew = sort.kind === 'media'
    for (let at = 0; at < (sort.files * share) / 100; at++) {
      const which = isNew
        ? Math.ceil(sort.files * share) + day * 100 + at
        : chance.below(Math.floor(sort.files * share))
      const bytes = content.make(sort.kind, chance.spread(...sort.sizes))
      const path = join(folder, nameOf(sort, which))
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, bytes)
      count(amount, bytes.length)
    }
  }
  const lines = content.make('text', size(2 * MB))
  appendFileSync(join(folder, log), lines)
  count(amount, lines.length)
  const fd = openSync(join(folder, database), 'r+')
  for (let place = 0; place < 3; place++) {
    const pages = content.make('database', size(MB))
    writeSync(fd, pages, 0, pages.length, chance.below(size(95 * MB)) & ~0x1fff)
    amount.bytes += pages.length
  }
  closeSync(fd)
  count(amount, 0)
  return amount
}

function nameOf({ folder, ending }: Sort, at: number): string {
  return join(folder, `part-${Math.floor(at / filesInFolder)}`, `file-${at}${ending}`)
}

function count(amount: Amount, bytes: number): void {
  amount.files++
  amount.bytes += bytes
}

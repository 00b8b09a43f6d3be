// `npm run bench -- engine`: what backups cost, beside what others take for the same, on file systems of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manyFiles } from './engine/many-files.ts'
import { onExt4 } from './engine/on-ext4.ts'
import { onXfs } from './engine/on-xfs.ts'
import { providePeers } from './engine/peers.ts'
import { sparseFile } from './engine/sparse-file.ts'
import type { Row } from './measure.ts'

export interface Scale {
  /** Of the 1.4 GB, the million files, the 20 GB. */
  share: number
  rounds: number
}

const whole: Scale = { share: 1, rounds: 3 }
/** For work on the engine and on the bench itself: 200 MB. */
const small: Scale = { share: 1 / 7, rounds: 2 }

export async function engine({ quick }: { quick: boolean }): Promise<Row[]> {
  const scale = quick ? small : whole
  const { restics } = await providePeers()
  const work = await mkdtemp(join(tmpdir(), 'archiver-bench-'))
  try {
    const rows: Row[] = []
    for (const part of [onExt4, onXfs, manyFiles, sparseFile]) rows.push(...(await part(work, scale, restics)))
    return rows
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

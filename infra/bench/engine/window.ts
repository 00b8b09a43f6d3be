// How long a stack is stopped for its backup, without the containers' own stopping and starting.
import type { Scale } from '../engine.ts'
import { removeBackup, type Archiver } from './archiver.ts'
import type { Cost } from './measured.ts'

const packTwice = new URL('./pack-in-two-passes.ts', import.meta.url)

/** One round after the other, each a whole backup of `source`, which is lived in meanwhile. */
export async function windowOf(
  archiver: Archiver,
  source: string,
  out: string,
  { share, rounds }: Scale,
): Promise<Cost[]> {
  const costs: Cost[] = []
  for (let day = 1; day <= rounds; day++) {
    await removeBackup(out)
    costs.push(await archiver.tells(packTwice, source, out, String(share), String(day)))
  }
  await removeBackup(out)
  return costs
}

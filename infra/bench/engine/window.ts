// How long a stack is stopped for its backup, without the containers' own stopping and starting.
import { fileURLToPath } from 'node:url'
import { run } from '../../testbed/run.ts'
import type { Scale } from '../engine.ts'
import { compiled, removeBackup } from './archiver.ts'
import type { Cost } from './measured.ts'

const packTwice = fileURLToPath(new URL('./pack-in-two-passes.ts', import.meta.url))

/** One round after the other, each a whole backup of `source`, which is lived in meanwhile. */
export async function windowOf(work: string, source: string, out: string, { share, rounds }: Scale): Promise<Cost[]> {
  const costs: Cost[] = []
  for (let day = 1; day <= rounds; day++) {
    await removeBackup(out)
    const env = { ...process.env, ...compiled(work) }
    costs.push(
      JSON.parse(await run(process.execPath, [packTwice, source, out, String(share), String(day)], { env })) as Cost,
    )
  }
  await removeBackup(out)
  return costs
}

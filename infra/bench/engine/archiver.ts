// The engine as its users start it: a process of its own each time.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../../testbed/run.ts'
import { costOf, type Contender, type Cost } from './measured.ts'

const cli = fileURLToPath(new URL('../../../agent/cli.ts', import.meta.url))

/** Where compiled sources are kept from one run to the next, as in the image. */
const compiled = (work: string) => ({ NODE_COMPILE_CACHE: join(work, 'compiled') })

export class Archiver {
  readonly #work: string

  constructor(work: string) {
    this.#work = work
  }

  async run(...args: string[]): Promise<Cost> {
    return costOf([process.execPath, cli, ...args], compiled(this.#work))
  }

  /** A script that measures a part of what it does itself, and prints that. */
  async tells(script: URL, ...args: string[]): Promise<Cost> {
    const env = { ...process.env, ...compiled(this.#work) }
    return JSON.parse(await run(process.execPath, [fileURLToPath(script), ...args], { env })) as Cost
  }

  /** Makes `out` anew. */
  packs(source: string, out: string, previous?: string): Contender {
    return async () => {
      await removeBackup(out)
      return this.run('pack', ...(previous === undefined ? [] : ['--previous', previous]), source, out)
    }
  }
}

export async function removeBackup(file: string): Promise<void> {
  for (const path of [file, `${file}.index`]) if (existsSync(path)) await rm(path)
}

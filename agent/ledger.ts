// Which backups this agent itself found to be whole, so that it can refuse to delete the last of them whatever it is
// told. One file a folder of backups; lost, the backups are read again when it matters.
import { randomUUID } from 'node:crypto'
import { lstat, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codeOf, makeFolder } from './durable.ts'

export interface Ledger {
  /** `path`, below the archives folder, was read back and is whole as it lies there now. */
  whole(path: string): Promise<void>
  /** It is not, or is there no more. */
  forget(path: string): Promise<void>
  /** Paths of those found whole in a folder below the archives folder, newest first. */
  wholeIn(folder: string): Promise<string[]>
  /** Whether it was found whole and nobody has written to it since. */
  knows(path: string): Promise<boolean>
}

export function openLedger(stateDir: string, archivesDir: string): Ledger {
  const fileOf = (path: string) => join(stateDir, 'ledger', `${dirname(path)}.json`)
  let last: Promise<unknown> = Promise.resolve()

  async function read(path: string): Promise<Record<string, string>> {
    try {
      return JSON.parse(await readFile(fileOf(path), 'utf8')) as Record<string, string>
    } catch (error) {
      // half a file cannot be, but nothing is lost by taking it for none
      if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return {}
      throw error
    }
  }

  /** One after the other: two tasks may end at once. */
  function change(path: string, edit: (known: Record<string, string>) => Promise<void>): Promise<void> {
    const done = last.then(async () => {
      const known = await read(path)
      await edit(known)
      const file = fileOf(path)
      await makeFolder(dirname(file))
      const temporary = `${file}.${randomUUID()}.new`
      await writeFile(temporary, JSON.stringify(known), { mode: 0o600 })
      await rename(temporary, file)
    })
    last = done.catch(() => {})
    return done
  }

  return {
    whole: (path) =>
      change(path, async (known) => {
        known[basename(path)] = await identityOf(join(archivesDir, path))
      }),
    forget: (path) =>
      change(path, async (known) => {
        delete known[basename(path)]
      }),
    async wholeIn(folder) {
      await last
      // names begin with the time
      const names = Object.keys(await read(`${folder}/any`))
        .sort()
        .reverse()
      return names.map((name) => `${folder}/${name}`)
    },
    async knows(path) {
      await last
      const known = (await read(path))[basename(path)]
      return known !== undefined && known === (await identityOf(join(archivesDir, path)).catch(() => ''))
    },
  }
}

/** Changes with every write to the file; for a folder backup, with what is added to or taken from its first level. */
async function identityOf(file: string): Promise<string> {
  const { ino, size, mtimeNs } = await lstat(file, { bigint: true })
  return `${ino} ${size} ${mtimeNs}`
}

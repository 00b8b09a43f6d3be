// The same work done by others. Whatever they write is flushed, as ours is.
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { costOf, type Contender } from './measured.ts'
import type { Restic } from './peers.ts'

/** As people do it by hand. */
export function tarZstd(source: string, out: string): Contender {
  const script = 'tar -c -C "$1" "$2" | zstd -q -T0 -3 -f -o "$3" && sync "$3"'
  return () => costOf(['sh', '-c', script, 'sh', dirname(source), basename(source), out])
}

/** A program with a repository; each backup is one more snapshot in it. */
export interface Keeper {
  name: string
  begin(): Promise<void>
  backUp: Contender
  end(): Promise<void>
}

export function resticIn(folder: string, source: string, { path, name }: Restic): Keeper {
  const repository = join(folder, name.replaceAll(' ', '-'))
  const env = {
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: 'bench',
    RESTIC_CACHE_DIR: `${repository}-cache`,
  }
  return {
    name,
    begin: async () => void (await costOf([path, 'init'], env)),
    backUp: () => costOf([path, 'backup', '--quiet', source], env),
    end: async () => {
      for (const one of [repository, `${repository}-cache`]) await rm(one, { recursive: true, force: true })
    },
  }
}

export function borgIn(folder: string, source: string): Keeper {
  const repository = join(folder, 'borg')
  const env = { BORG_REPO: repository, BORG_BASE_DIR: `${repository}-home` }
  let snapshots = 0
  return {
    name: 'borg',
    begin: async () => void (await costOf(['borg', 'init', '--encryption=none'], env)),
    backUp: () => costOf(['borg', 'create', '--compression', 'zstd,3', `::${++snapshots}`, source], env),
    end: async () => {
      for (const one of [repository, `${repository}-home`]) await rm(one, { recursive: true, force: true })
    },
  }
}

// An archives folder with real backups, and the tools a task needs beside it.
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { ArchiveFormat } from 'db/domain/archive'
import type { KnownBackup } from 'db/domain/task'
import { packed } from '../../archive/testing/packing.ts'
import { connectDocker } from '../../docker/engine.ts'
import { openJournal, type Journal } from '../../journal.ts'
import { openLedger } from '../../ledger.ts'
import { openLeftovers, type Leftovers } from '../../leftovers.ts'
import type { TaskReport } from '../../task-report.ts'
import type { Tools } from '../tools.ts'

export interface Bench extends AsyncDisposable {
  archivesDir: string
  tools: Tools
  report: TaskReport
  /** What the task said. */
  lines: string[]
  /** As this host's agent would make it on that day of January 2026. */
  makeBackup(day: number, options?: { format?: ArchiveFormat; archive?: string; stack?: string }): Promise<KnownBackup>
  /** Any other file below the archives folder. */
  put(path: string, content?: string): Promise<string>
  /** As the next process of this agent has them. */
  restart(): Promise<{ journal: Journal; leftovers: Leftovers }>
}

export async function makeBench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-test-'))
  const archivesDir = join(folder, 'archives')
  const stateDir = join(folder, 'state')
  const source = join(folder, 'source')
  await mkdir(source)
  await writeFile(join(source, 'data.txt'), 'what matters\n'.repeat(1000))
  await mkdir(archivesDir)
  const docker = connectDocker()
  const open = async () => {
    const journal = await openJournal(stateDir, () => {})
    return { journal, leftovers: openLeftovers(journal, docker, () => {}) }
  }
  const { journal, leftovers } = await open()
  const lines: string[] = []
  let made = 0
  return {
    archivesDir,
    lines,
    tools: {
      docker,
      journal,
      leftovers,
      ledger: openLedger(stateDir, archivesDir),
      archivesDir,
      stateDir,
      downloadsDir: join(folder, 'downloads'),
      maxDeleteShare: 0.5,
      trashMinDays: 1,
      hostName: 'host',
      version: '0',
    },
    report: {
      progress: { phase: 'resolve', files: 0, bytes: 0, total_bytes: null, stopped_at: null },
      say: (_, text) => void lines.push(text),
      phase: () => {},
      finish: () => Promise.resolve(),
    },
    async makeBackup(day, { format = 'tar.zst', archive = 'nightly', stack = 'shop' } = {}) {
      const suffix = format === 'folder' ? '' : `.${format}`
      const path = `${archive}/${stack}/202601${String(day).padStart(2, '0')}_030000_${stack}${suffix}`
      const { file, result } = await packed(folder, source, { format })
      await mkdir(dirname(join(archivesDir, path)), { recursive: true })
      await rename(file, join(archivesDir, path))
      made += 1
      return { id: made, path, format, size_bytes: result.size_bytes, sha256: result.sha256 }
    },
    async put(path, content = 'not ours\n') {
      const file = join(archivesDir, path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, content)
      await utimes(file, 0, 0)
      return basename(file)
    },
    restart: open,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

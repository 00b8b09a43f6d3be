// What the agent must not forget when it dies: which containers it is about to stop, which unfinished file is its
// own, and results the server has not acknowledged yet. One file a task; works without database and Docker.
import { randomUUID } from 'node:crypto'
import { readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from 'db/domain/errors'
import type { CareOutcome, CareResult, TaskOutcome } from 'db/domain/task'
import type { StoppedContainer } from './docker/stopped-container.ts'
import { codeOf, makeFolder, removeDurably, writeDurably } from './durable.ts'

export interface JournalEntry {
  task_id: number
  /** Which agent process wrote it. */
  instance: string
  /** Null for tasks that are not about a stack. */
  stack: { name: string; path: string } | null
  was_running: boolean
  /** Containers that may be stopped or paused by us, in the order they were stopped. Empty once all are back. */
  containers: StoppedContainer[]
  /** Fingerprint of the Docker Engine they are in; missing or empty when it is not known. */
  engine?: string
  stopped_at: string | null
  /** The unfinished file; removed unless `outcome` says it is complete. */
  partial: string | null
  /** Where `partial` goes. Set, with `outcome`, when it is complete, flushed and verified. */
  final: string | null
  outcome: TaskOutcome | CareOutcome | null
  /** Name of the container of the archive process, which may be there; missing or empty when there is none. */
  helper?: string
  /** Name of the container that holds volumes until `containers` are up again; missing or empty when there is none. */
  holder?: string
  /** What is about to be done to a backup: it was, once nothing is at `gone` any more. */
  intent?: { result: CareResult; gone: string } | null
}

/** As a caller knows it; the journal adds who wrote it. */
export type OpenEntry = Omit<JournalEntry, 'instance'>

export interface Journal {
  write(entry: OpenEntry): Promise<void>
  clear(taskId: number): Promise<void>
  /** Once a newer agent has taken or cleared a task's entry, what was made under it must not be used. */
  holder(taskId: number): Promise<'us' | 'another' | 'nobody'>
  /** All entries that an earlier process left, oldest task first. */
  left(): Promise<JournalEntry[]>
  /** Unfinished files that somebody's entry names. */
  partials(): Promise<string[]>
}

export async function openJournal(stateDir: string, complain: (text: string) => void): Promise<Journal> {
  const folder = join(stateDir, 'journal')
  const instance = randomUUID()
  const fileOf = (taskId: number) => join(folder, `${taskId}.json`)
  await makeFolder(folder)

  async function read(file: string): Promise<JournalEntry | null> {
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    }
    try {
      return JSON.parse(text) as JournalEntry
    } catch {
      // cannot happen to a file we renamed into place; keep it for a person to look at
      complain(`The journal entry ${file} is damaged and kept as ${file}.unreadable`)
      await rename(file, `${file}.unreadable`)
      return null
    }
  }

  async function entries(): Promise<JournalEntry[]> {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
    const found: JournalEntry[] = []
    for (const name of names) {
      try {
        const entry = await read(join(folder, name))
        if (entry) found.push(entry)
      } catch (error) {
        complain(
          `The journal entry ${join(folder, name)} cannot be read; what it names may be down: ${messageOf(error)}`,
        )
      }
    }
    return found
  }

  return {
    write: (entry) => writeDurably(fileOf(entry.task_id), JSON.stringify({ ...entry, instance })),
    clear: (taskId) => removeDurably(fileOf(taskId)),
    async holder(taskId) {
      const entry = await read(fileOf(taskId))
      return entry === null ? 'nobody' : entry.instance === instance ? 'us' : 'another'
    },
    async left() {
      const entriesOfOthers = (await entries()).filter((entry) => entry.instance !== instance)
      return entriesOfOthers.sort((a, b) => a.task_id - b.task_id)
    },
    partials: async () => (await entries()).flatMap(({ partial }) => partial ?? []),
  }
}

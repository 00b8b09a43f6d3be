// What must be brought to its end although the process that began it is gone: stopped containers are started, an
// unfinished file is removed, a complete one gets its name, and the outcome waits for the server.
import { lstat, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from 'db/domain/errors'
import type { LogLevel } from 'db/domain/job'
import { counted } from 'db/domain/size'
import type { CareOutcome, TaskOutcome } from 'db/domain/task'
import type { LeftBehind } from 'db/queries/agent'
import type Docker from 'dockerode'
import { removeHelper } from './docker/helper-container.ts'
import { startContainers } from './docker/start-containers.ts'
import { publishBackup, publishIndex, removePartial } from './backup-names.ts'
import { codeOf } from './durable.ts'
import type { Journal, JournalEntry, OpenEntry } from './journal.ts'

type Say = (level: LogLevel, text: string) => void

/** Higher than any number a task's own lines reach: what is said afterwards comes after all of them. */
const afterAllLines = 1_000_000_000

export interface Leftovers {
  /** Replays what an earlier process left. Needs no database; resolves with what the server is to be told. */
  replay(): Promise<LeftBehind[]>
  /** Keeps what a task ended with: its outcome until the server has it, containers that are down until they are up. */
  keep(entry: OpenEntry): Promise<void>
  /** The server has the outcome of this task. */
  reported(taskId: number): Promise<void>
  /** One more try for all containers that are still down. */
  tryAgain(): Promise<void>
  /** Paths of stacks that still have containers down. */
  stacksStillDown(): string[]
}

export function openLeftovers(journal: Journal, docker: Docker, log: Say): Leftovers {
  const open = new Map<number, OpenEntry>()
  /** Ids of containers that have come up by trying again, by task. */
  const risen = new Map<number, Set<string>>()

  async function keep(entry: OpenEntry): Promise<void> {
    // what has come up meanwhile is not down again because an older account of it says so
    const containers = entry.containers.filter(({ id }) => !risen.get(entry.task_id)?.has(id))
    const left = { ...entry, containers, ...(await removeHelpers(docker, { ...entry, containers }, log)) }
    if (containers.length === 0 && !left.helper && !left.holder && left.outcome === null && left.partial === null) {
      open.delete(entry.task_id)
      risen.delete(entry.task_id)
      await journal.clear(entry.task_id)
    } else {
      open.set(entry.task_id, left)
      await journal.write(left)
    }
  }

  return {
    async replay() {
      // first everything up, all at once; files and reports can wait
      const found = (await journal.left()).map((entry) => {
        const lines: LeftBehind['lines'] = []
        const say: Say = (level, text) => {
          log(level, prefixOf(entry) + text)
          lines.push({ seq: afterAllLines + lines.length, at: new Date().toISOString(), level, text })
        }
        say('warn', 'The agent ended during this step; it has been started again and finishes what it left')
        return { entry, lines, say, back: bringBack(docker, entry, say) }
      })
      const leftBehind: LeftBehind[] = []
      for (const { entry, lines, say, back } of found) {
        const containers = await back
        const { outcome, partial } = await settleFile(entry, containers.length, say)
        leftBehind.push({ task_id: entry.task_id, outcome, lines })
        try {
          await keep({ ...entry, containers, partial, final: null, outcome })
        } catch (error) {
          say('error', `The journal could not be written: ${messageOf(error)}`)
        }
      }
      return leftBehind
    },

    keep,

    async reported(taskId) {
      const entry = open.get(taskId)
      if (entry) await keep({ ...entry, partial: null, outcome: null })
    },

    async tryAgain() {
      for (const entry of [...open.values()].filter(isUnfinished)) {
        const containers = await bringBack(docker, entry, (level, text) => log(level, prefixOf(entry) + text))
        const up = entry.containers.filter(({ id }) => !containers.some((container) => container.id === id))
        risen.set(entry.task_id, new Set([...(risen.get(entry.task_id) ?? []), ...up.map(({ id }) => id)]))
        const helpers = await removeHelpers(docker, { ...entry, containers }, log)
        const now = open.get(entry.task_id)
        if (now) await keep({ ...now, ...helpers })
      }
    },

    stacksStillDown: () =>
      [...open.values()].filter((entry) => entry.containers.length > 0).map((entry) => entry.stack?.path ?? ''),
  }
}

function isUnfinished({ containers, helper, holder, outcome }: OpenEntry): boolean {
  return containers.length > 0 || Boolean(holder) || Boolean(helper && outcome)
}

/**
 * Removes those that are of no more use: the one of the archive process once there is an outcome, the one that holds
 * volumes once their containers use them again. Resolves with those that stay.
 */
async function removeHelpers(
  docker: Docker,
  { helper = '', holder = '', containers, outcome }: OpenEntry,
  log: Say,
): Promise<Pick<OpenEntry, 'helper' | 'holder'>> {
  const remove = async (name: string) => {
    if (name === '') return ''
    return removeHelper(docker, name).then(
      () => '',
      (error: unknown) => {
        log('warn', `The helper container ${name} could not be removed: ${messageOf(error)}`)
        return name
      },
    )
  }
  return {
    helper: outcome ? await remove(helper) : helper,
    holder: containers.length === 0 ? await remove(holder) : holder,
  }
}

function prefixOf({ stack }: Pick<JournalEntry, 'stack'>): string {
  return stack ? `Stack ${stack.name}: ` : ''
}

/** Resolves with the containers that are still down. */
async function bringBack(
  docker: Docker,
  { containers, engine = '' }: OpenEntry,
  say: Say,
): Promise<JournalEntry['containers']> {
  if (containers.length === 0) return []
  const report = await startContainers(docker, containers, (text) => say('info', text), null, engine)
  for (const name of report.replaced) say('info', `Container ${name} was replaced by a new one, which is up`)
  for (const warning of report.warnings) say('warn', warning)
  for (const { container, reason } of report.failed)
    say('error', `${container.name} could not be started: ${reason}. The agent keeps trying until it runs.`)
  return report.failed.map(({ container }) => container)
}

async function settleFile(
  entry: JournalEntry,
  stillDown: number,
  say: Say,
): Promise<{ outcome: TaskOutcome | CareOutcome; partial: string | null }> {
  if (entry.outcome && 'backups' in entry.outcome)
    return { outcome: await withIntent(entry.outcome, entry.intent ?? null), partial: null }
  if (entry.outcome && entry.partial === null) return { outcome: entry.outcome, partial: null }
  if (entry.outcome && entry.partial && entry.final) {
    try {
      await finishPublishing(entry.partial, entry.final, entry.outcome)
      say('info', `The backup was complete and verified: ${entry.final}`)
      return { outcome: entry.outcome, partial: null }
    } catch (error) {
      say('error', `The finished backup could not get its name: ${messageOf(error)}`)
    }
  }
  let partial = entry.partial
  if (partial) {
    try {
      await removePartial(partial)
      say('info', `Removed the unfinished file ${partial}`)
      partial = null
    } catch (error) {
      say('warn', `The unfinished file ${partial} could not be removed: ${messageOf(error)}`)
    }
  }
  const containers = entry.containers.length
  const stack =
    containers === 0
      ? 'nothing was stopped'
      : stillDown === 0
        ? `what it had stopped runs again (${counted(containers, 'container')})`
        : `of ${counted(containers, 'container')} it had stopped, ${stillDown} could not be started yet; it keeps trying`
  const outcome: TaskOutcome = {
    status: 'failed',
    reason: `the agent ended during this step and was started again; ${stack}; no backup was made`,
    was_running: entry.was_running,
    downtime_seconds: entry.stopped_at ? (Date.now() - Date.parse(entry.stopped_at)) / 1000 : null,
    archive_path: null,
    backup: null,
    not_covered: [],
    pull: null,
  }
  return { outcome, partial }
}

/** What was about to be done when the agent died is told only where the disk shows that it was. */
async function withIntent(outcome: CareOutcome, intent: JournalEntry['intent'] | null): Promise<CareOutcome> {
  if (!intent || !(await stat(dirname(intent.gone)).catch(() => null))) return outcome
  const code = await lstat(intent.gone).then(() => '', codeOf)
  return code === 'ENOENT' ? { ...outcome, backups: [...outcome.backups, intent.result] } : outcome
}

async function finishPublishing(partial: string, final: string, outcome: TaskOutcome): Promise<void> {
  try {
    await publishBackup(partial, final)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    // it had its name already
    const found = await stat(final)
    if (found.isFile() && found.size !== outcome.backup?.size_bytes)
      throw new Error(`${final} has ${found.size} bytes instead of ${outcome.backup?.size_bytes}`, { cause: error })
    await publishIndex(partial, final)
  }
}

// What archiving a stack would do, in words. It only looks: nothing is stopped, pulled, written or deleted.
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from 'db/domain/errors'
import type { DryRun } from 'db/domain/job'
import { binarySize, counted } from 'db/domain/size'
import type { ArchiveStackPayload, TaskOutcome } from 'db/domain/task'
import { startEngine } from '../archive/client.ts'
import { JobCancelled } from '../cancelled.ts'
import { startOrder, stopOrder } from '../docker/order.ts'
import type { StoppedContainer } from '../docker/stopped-container.ts'
import { diskOf } from '../host-status.ts'
import type { TaskReport } from '../task-report.ts'
import { within } from '../within.ts'
import { refuseWithoutSpace } from './backup-file.ts'
import { backupPath } from './backup-path.ts'
import { unlessStalled } from './read-back.ts'
import { resolveStack, type ResolvedStack } from './resolve-stack.ts'
import { nameOfSource } from './stack-sources.ts'
import type { Tools } from './tools.ts'

/** Never throws. */
export async function dryRun(
  payload: ArchiveStackPayload,
  asked: DryRun,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const { stack, archive } = payload
  report.say('info', `Phase 1: dry run of stack ${stack.name} in ${stack.path}; nothing is touched`)
  const outcome: TaskOutcome = {
    status: 'success',
    reason: '',
    was_running: false,
    downtime_seconds: null,
    archive_path: null,
    backup: null,
    not_covered: [],
    pull: null,
  }
  const warn = (text: string) => {
    report.say('warn', text)
    outcome.status = 'warning'
    outcome.reason = [outcome.reason, text].filter(Boolean).join('; ')
  }
  try {
    if (tools.leftovers.stacksStillDown().includes(stack.path))
      throw new Error('containers of this stack are still down from an earlier run; it would not be touched')
    const resolved = await within(120_000, 'Docker or a file system', resolveStack(payload, tools, report), signal)
    outcome.was_running = resolved.was_running
    outcome.not_covered = resolved.notCovered
    for (const warning of resolved.warnings) warn(warning)
    if (asked.stop_containers) sayStops(payload, resolved.toStop, report)
    if (asked.create_archive) await sayArchive(payload, resolved, tools, report, warn, signal)
    if (asked.stop_containers && payload.pull && resolved.was_running && archive.mode === 'stop')
      report.say('info', 'Would pull images afterwards, and make containers anew of those that are new')
    report.say('info', 'The dry run changed nothing')
    return outcome
  } catch (error) {
    const cancelled = signal.aborted && signal.reason instanceof JobCancelled
    report.say(cancelled ? 'warn' : 'error', `The run would fail: ${messageOf(error)}`)
    return { ...outcome, status: cancelled ? 'cancelled' : 'failed', reason: messageOf(error) }
  }
}

function sayStops({ archive }: ArchiveStackPayload, containers: StoppedContainer[], report: TaskReport): void {
  if (containers.length === 0)
    return report.say('info', archive.mode === 'live' ? 'Would stop nothing: the mode is live' : 'Would stop nothing')
  const doing = { stop: 'stop', pause: 'pause' }
  const order = (groups: StoppedContainer[][]) =>
    groups
      .map((group) =>
        group
          .map(({ name }) => name)
          .sort()
          .join(' and '),
      )
      .join(', then ')
  for (const action of ['stop', 'pause'] as const) {
    const names = stopOrder(containers)
      .map((group) => group.filter((container) => container.action === action))
      .filter((group) => group.length > 0)
    if (names.length > 0) report.say('info', `Would ${doing[action]} ${order(names)}`)
  }
  report.say('info', `Would start again ${order(startOrder(containers))}`)
}

async function sayArchive(
  payload: ArchiveStackPayload,
  stack: ResolvedStack,
  tools: Tools,
  report: TaskReport,
  warn: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { archive } = payload
  report.phase('pack')
  const seen = stack.sources.filter(({ direct }) => direct)
  await using engine = startEngine({ signal })
  const { files, bytes } = await unlessStalled(engine, (alive) =>
    engine.survey(
      { sources: seen, exclude: [tools.archivesDir, tools.stateDir], patterns: archive.exclude },
      (event) => {
        alive()
        if (event.type === 'progress') Object.assign(report.progress, { files: event.files, bytes: event.bytes })
        else if (event.type === 'warning') warn(event.path ? `${event.path}: ${event.text}` : event.text)
        else report.say('info', event.path ? `${event.path}: ${event.text}` : event.text)
      },
    ),
  )
  const folders = { archive: archive.folder, stack: payload.stack.folder }
  const path = join(tools.archivesDir, backupPath(folders, new Date(), archive.time_zone, archive.format, 1))
  report.say('info', `Would archive ${counted(files, 'file')}, ${binarySize(bytes)}, to ${path}`)
  for (const source of stack.sources.slice(1)) {
    const unseen = source.direct ? '' : ', which a helper container would read; it is not counted here'
    report.say('info', `With ${nameOfSource(source)}${unseen}`)
  }
  for (const text of stack.notCovered) report.say('info', `Not covered: ${text}`)

  const disk = await diskOf(tools.archivesDir)
  await refuseWithoutSpace(payload, tools.archivesDir)
  if (disk) report.say('info', `${binarySize(disk.free_bytes)} are free in ${tools.archivesDir}`)
  if (disk && archive.format === 'folder' && disk.free_bytes < bytes)
    warn(
      `${binarySize(bytes)} may not fit into the ${binarySize(disk.free_bytes)} that are free in ${tools.archivesDir}`,
    )
  await access(tools.archivesDir, constants.W_OK).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new Error(`No backup can be written to ${tools.archivesDir}`, { cause: error })
  })
}

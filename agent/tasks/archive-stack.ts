// Archives one stack: the product's main sentence.
import { relative } from 'node:path'
import type { ArchiveFormat } from 'db/domain/archive'
import { messageOf } from 'db/domain/errors'
import { binarySize, counted } from 'db/domain/size'
import type { ArchiveStackPayload, MadeBackup, PackedSource, PullResult, TaskOf, TaskOutcome } from 'db/domain/task'
import type { Engine } from '../archive/client.ts'
import { EngineError, fullReadEvery, type EngineEvent, type PackResult } from '../archive/protocol.ts'
import { JobCancelled } from '../cancelled.ts'
import type { StoppedContainer } from '../docker/stopped-container.ts'
import { publishBackup } from '../backup-names.ts'
import { codeOf } from '../durable.ts'
import type { OpenEntry } from '../journal.ts'
import type { TaskReport } from '../task-report.ts'
import { within } from '../within.ts'
import { createBackupFile, refuseWithoutSpace, type BackupFile } from './backup-file.ts'
import { dryRun } from './dry-run.ts'
import { engineFor } from './engine-for.ts'
import { holdVolumes } from './hold-volumes.ts'
import { manifestOf } from './manifest.ts'
import { previousBackup } from './previous-backup.ts'
import { pullImages } from './pull-images.ts'
import { unlessStalled } from './read-back.ts'
import { restoreScript } from './restore-script.ts'
import { resolveStack, type ResolvedStack } from './resolve-stack.ts'
import { nameOfSource } from './stack-sources.ts'
import type { Tools } from './tools.ts'
import { whileStopped } from './while-stopped.ts'

/**
 * Never throws: the outcome tells what became of it. It is in the journal, too, until the server has it.
 * An abort of `signal` (a cancel, or the end of the agent) gives the backup up and brings the stack back.
 */
export async function archiveStack(
  task: TaskOf<'archive_stack'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const attempt = newAttempt(task)
  if (task.payload.dry_run) return dryRun(task.payload, task.payload.dry_run, tools, report, signal)
  let outcome: TaskOutcome
  try {
    const made = await makeBackup(attempt, task, tools, report, signal)
    outcome = await pullAfter(attempt, made, task.payload, tools, report, signal)
  } catch (error) {
    const cancelled = signal.aborted && signal.reason instanceof JobCancelled
    outcome = outcomeOf(attempt, cancelled ? 'cancelled' : 'failed', messageOf(error), null)
    report.say(cancelled ? 'warn' : 'error', `No backup was made: ${messageOf(error)}`)
    await attempt.file
      ?.remove()
      .catch((left: unknown) => report.say('warn', `The unfinished file stays: ${messageOf(left)}`))
  }
  attempt.entry = { ...attempt.entry, partial: null, final: null, outcome }
  try {
    if ((await tools.journal.holder(task.id)) !== 'another') await tools.leftovers.keep(attempt.entry)
  } catch (error) {
    report.say('error', `The journal could not be written: ${messageOf(error)}`)
  }
  return outcome
}

interface Attempt {
  entry: OpenEntry
  file: BackupFile | null
  downtime_seconds: number | null
  warnings: string[]
  not_covered: string[]
  packed: PackedSource[]
  /** Why containers are still down; empty when all are up. */
  stillDown: string
}

async function makeBackup(
  attempt: Attempt,
  task: TaskOf<'archive_stack'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<{ stack: ResolvedStack; outcome: TaskOutcome }> {
  const { payload } = task
  const at = new Date()
  if (tools.leftovers.stacksStillDown().includes(payload.stack.path))
    throw new Error(
      'containers of this stack are still down from an earlier run, and the agent is trying to start them; nothing was touched',
    )
  report.say('info', `Phase 1: stack ${payload.stack.name} in ${payload.stack.path}`)
  const found = await within(120_000, 'Docker or a file system', resolveStack(payload, tools, report), signal)
  attempt.entry.was_running = found.was_running
  sayCoverage(found, report)
  await refuseWithoutSpace(payload, tools.archivesDir)
  const file = await createBackupFile(payload, tools.archivesDir, task.id, at, async (partial) => {
    attempt.entry = { ...attempt.entry, partial }
    await tools.journal.write(attempt.entry)
  })
  attempt.file = file

  const packing = packSignal(signal, payload.archive.max_downtime, found.toStop.length > 0)
  await holdVolumes(found, tools, report, packing.signal, async (holder) => {
    attempt.entry = { ...attempt.entry, holder }
    await tools.journal.write(attempt.entry)
  })
  const ready = await engineFor(found, tools, report, packing.signal, async (helper) => {
    attempt.entry = { ...attempt.entry, helper }
    await tools.journal.write(attempt.entry)
  })
  await using engine = ready.engine
  const { stack } = ready
  attempt.warnings.push(...stack.warnings)
  attempt.not_covered = stack.notCovered
  attempt.packed = stack.sources.map(({ path, prefix }) => ({ path, prefix }))
  const manifest = await within(60_000, 'Docker', manifestOf(payload, stack, tools, at), signal)
  const telling = (event: EngineEvent) => show(event, report)
  const previous = await previousBackup(payload, tools)
  await within(
    60_000,
    'A file system',
    engine.open(
      {
        out: file.partial,
        format: payload.archive.format,
        level: payload.archive.level,
        sources: ready.sources,
        exclude: ready.exclude,
        patterns: payload.archive.exclude,
        append: [manifest, restoreScript(payload, stack, at)],
        previous,
        full_read_every: fullReadEvery,
      },
      telling,
    ),
    signal,
  )
  if (stack.toStop.length > 0) await readAhead(engine, report)
  attempt.entry = {
    ...attempt.entry,
    containers: stack.toStop,
    engine: stack.engine,
    partial: file.partial,
    stopped_at: stack.toStop.length > 0 ? at.toISOString() : null,
  }
  await tools.journal.write(attempt.entry)

  packing.begin()
  const window = await whileStopped(
    { stackPath: payload.stack.path, mode: payload.archive.mode, containers: stack.toStop, engine: stack.engine },
    tools,
    report,
    packing.signal,
    () => engine.read(telling),
  )
  packing.end()
  await recordStart(attempt, window, tools, report)
  if ('error' in window.worked) throw window.worked.error
  if ((await tools.journal.holder(task.id)) !== 'us')
    throw new Error('another agent of this host has taken over and started the stack; this backup is given up')

  report.phase('verify')
  const packed = await finish(engine, report)
  if (!(await isWhole(engine, file, payload.archive.format, packed, report))) {
    await distrust(previous, tools, report)
    throw new Error(`What was read back from ${file.partial} is not what was written`)
  }
  return { stack, outcome: await giveItsName(attempt, file, packed, at, tools, report, payload.archive.format) }
}

/** Everything that is not in the last backup already is read and compressed while the stack runs. */
async function readAhead(engine: Engine, report: TaskReport): Promise<void> {
  report.phase('read_ahead')
  await unlessStalled(engine, (alive) =>
    engine.readAhead((event) => {
      alive()
      show(event, report)
    }),
  )
}

/** "Always pull images on start". The backup is made, whatever becomes of this. */
async function pullAfter(
  attempt: Attempt,
  { stack, outcome }: { stack: ResolvedStack; outcome: TaskOutcome },
  payload: ArchiveStackPayload,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  if (!payload.pull || !stack.was_running) return outcome
  const why =
    payload.archive.mode === 'stop'
      ? attempt.stillDown && 'containers are still down'
      : `the mode ${payload.archive.mode} does not start the stack`
  if (why) {
    report.say('info', `Images are not pulled: ${why}`)
    return outcome
  }
  const journal = async (containers: StoppedContainer[]) => {
    const pull: PullResult = { status: 'failed', reason: 'the agent ended while it used new images', lines: [] }
    const reason = [outcome.reason, pull.reason].filter(Boolean).join('; ')
    const known: TaskOutcome = { ...outcome, status: 'warning', reason, pull }
    attempt.entry = { ...attempt.entry, containers, partial: null, final: null, outcome: known }
    await tools.journal.write(attempt.entry)
  }
  const pulling = { payload, stack, tools, report, journal }
  const { pull, failed, warnings } = await pullImages(pulling, payload.pull.inactivity_timeout, signal)
  attempt.entry = { ...attempt.entry, containers: failed.map(({ container }) => container) }
  attempt.warnings.push(...warnings)
  attempt.stillDown = failed.map(({ container, reason }) => `${container.name} is down: ${reason}`).join('; ')
  const cancelled = signal.aborted && signal.reason instanceof JobCancelled
  const { backup, archive_path } = outcome
  const made = backup && archive_path ? { backup, archive_path } : null
  const status = cancelled ? 'cancelled' : attempt.warnings.length > 0 ? 'warning' : 'success'
  return { ...outcomeOf(attempt, status, '', made), pull }
}

/** Aborts on cancel, and `maxDowntime` seconds after `begin` unless `end` came first. */
function packSignal(cancel: AbortSignal, maxDowntime: number, stopsSomething: boolean) {
  const deadline = new AbortController()
  let timer: NodeJS.Timeout | undefined
  return {
    signal: AbortSignal.any([cancel, deadline.signal]),
    begin() {
      const late = new Error(
        `the stack had been down for ${maxDowntime} s, the longest its archive allows; it was started again`,
      )
      if (stopsSomething) timer = setTimeout(() => deadline.abort(late), maxDowntime * 1000)
    },
    end: () => clearTimeout(timer),
  }
}

async function recordStart(
  attempt: Attempt,
  window: Awaited<ReturnType<typeof whileStopped>>,
  tools: Tools,
  report: TaskReport,
): Promise<void> {
  const { started } = window
  const replaced = started.replaced.map((name) => `container ${name} was replaced while it was stopped`)
  const warnings = [...window.warnings, ...replaced, ...started.warnings]
  attempt.downtime_seconds = window.downtime_seconds
  attempt.warnings.push(...warnings)
  for (const warning of warnings) report.say('warn', capitalised(warning))
  attempt.stillDown = started.failed
    .map(({ container, reason }) => `${container.name} could not be started: ${reason}`)
    .join('; ')
  for (const { container, reason } of started.failed)
    report.say('error', `${container.name} could not be started: ${reason}. The agent keeps trying until it runs`)
  if (window.downtime_seconds !== null && started.failed.length === 0)
    report.say('info', `The stack is up again; it was down for ${window.downtime_seconds.toFixed(1)} s`)

  attempt.entry = { ...attempt.entry, containers: started.failed.map(({ container }) => container), stopped_at: null }
  // from here on the agent keeps trying, while this task goes on with the backup
  if ((await tools.journal.holder(attempt.entry.task_id)) === 'us') await tools.leftovers.keep(attempt.entry)
}

async function finish(engine: Engine, report: TaskReport): Promise<PackResult> {
  const packed = await unlessStalled(engine, (alive) =>
    engine.finish((event) => {
      alive()
      show(event, report)
    }),
  )
  report.say('info', `Packed ${inWords(packed)}; reading it back`)
  return packed
}

/** What was written is flushed and read back; what was taken over has been read back before, and is again in its time. */
async function isWhole(
  engine: Engine,
  file: BackupFile,
  format: ArchiveFormat,
  packed: PackResult,
  report: TaskReport,
): Promise<boolean> {
  const read = await unlessStalled(engine, (alive) =>
    engine.verify({ file: file.partial, format, frames: 'of today' }, (event) => {
      alive()
      show(event, report)
    }),
  ).catch((error: unknown) => {
    if (!(error instanceof EngineError) || error.code !== 'CORRUPT') throw error
    report.say('error', error.message)
    return null
  })
  return read?.sha256 === packed.sha256 && read.index !== 'missing' && read.index !== 'damaged'
}

/** What is damaged may have come from there: the next backup is not made from it. */
async function distrust(previous: string | null, { ledger, archivesDir }: Tools, report: TaskReport): Promise<void> {
  if (previous === null) return
  report.say('error', `The damage may have come from ${previous}, of which unchanged parts were taken over: verify it`)
  await ledger.forget(relative(archivesDir, previous))
}

function inWords({ files, content_bytes, reused_bytes, size_bytes }: PackResult): string {
  const reused = reused_bytes > 0 ? ` (${binarySize(reused_bytes)} as in the last backup)` : ''
  return `${counted(files, 'file')}, ${binarySize(content_bytes)}${reused} into ${binarySize(size_bytes)}`
}

async function giveItsName(
  attempt: Attempt,
  file: BackupFile,
  packed: PackResult,
  at: Date,
  tools: Tools,
  report: TaskReport,
  format: ArchiveFormat,
): Promise<TaskOutcome> {
  report.phase('finish')
  const backup: MadeBackup = {
    path: file.path,
    format,
    size_bytes: packed.size_bytes,
    file_count: packed.files,
    sha256: packed.sha256,
    created_at: at.toISOString(),
    verified_at: new Date().toISOString(),
    unreadable_count: packed.unreadable_count,
    content_bytes: packed.content_bytes,
    reused_bytes: packed.reused_bytes,
  }
  if (packed.unreadable_count > 0)
    attempt.warnings.push(`${counted(packed.unreadable_count, 'file')} could not be read`)
  if (packed.changed_count > 0)
    attempt.warnings.push(`${counted(packed.changed_count, 'file')} changed while being read`)
  if (packed.lost_count > 0)
    attempt.warnings.push('the file system of the archives folder does not keep all owners, modes and times')
  const outcome = outcomeOf(attempt, attempt.warnings.length > 0 ? 'warning' : 'success', '', {
    backup,
    archive_path: file.final,
  })
  // first the journal, then the name: a file with a final name is always known to somebody
  attempt.entry = { ...attempt.entry, partial: file.partial, final: file.final, outcome }
  await tools.leftovers.keep(attempt.entry)
  await publishBackup(file.partial, file.final).catch((error: unknown) => {
    throw new Error(`The backup could not get its name ${file.final} (${codeOf(error)})`, { cause: error })
  })
  await tools.ledger.whole(file.path).catch((error: unknown) => report.say('warn', messageOf(error)))
  report.say('info', `Backup: ${file.final} (${binarySize(packed.size_bytes)}, verified)`)
  return outcome
}

function outcomeOf(
  attempt: Attempt,
  status: TaskOutcome['status'],
  reason: string,
  made: { backup: MadeBackup; archive_path: string } | null,
): TaskOutcome {
  return {
    // a container that stays down is worse than anything that may have happened to the backup
    status: attempt.stillDown ? 'failed' : status,
    reason: [reason, attempt.stillDown, ...(made ? attempt.warnings : [])].filter(Boolean).join('; '),
    was_running: attempt.entry.was_running,
    downtime_seconds: attempt.downtime_seconds,
    archive_path: made?.archive_path ?? null,
    backup: made?.backup ?? null,
    not_covered: attempt.not_covered,
    packed: made ? attempt.packed : [],
    pull: null,
  }
}

function newAttempt(task: TaskOf<'archive_stack'>): Attempt {
  const { name, path } = task.payload.stack
  return {
    entry: {
      task_id: task.id,
      stack: { name, path },
      was_running: false,
      containers: [],
      stopped_at: null,
      partial: null,
      final: null,
      outcome: null,
    },
    file: null,
    downtime_seconds: null,
    warnings: [],
    not_covered: [],
    packed: [],
    stillDown: '',
  }
}

function sayCoverage(stack: ResolvedStack, report: TaskReport): void {
  for (const source of stack.sources.slice(1)) report.say('info', `With ${nameOfSource(source)}`)
  for (const text of stack.notCovered) report.say('info', `Not covered: ${text}`)
  for (const warning of stack.warnings) report.say('warn', capitalised(warning))
  for (const container of stack.toStop.filter(({ action }) => action === 'pause'))
    report.say('info', `${container.name} will be paused, not stopped`)
}

function show(event: EngineEvent, report: TaskReport): void {
  if (event.type === 'progress') {
    report.progress.files = event.files
    report.progress.bytes = event.bytes
  } else
    report.say(event.type === 'warning' ? 'warn' : 'info', event.path ? `${event.path}: ${event.text}` : event.text)
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

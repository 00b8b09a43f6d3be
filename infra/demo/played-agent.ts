// An agent of the past: claims and answers tasks through the same doors as the real one, looks at the same stacks, and has
// the same engine make every backup; only what takes time, and what went wrong, is told.
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { connect } from 'db/connect'
import type { ArchiveFormat } from 'db/domain/archive'
import { binarySize, counted } from 'db/domain/size'
import type { AgentTask, CareOutcome, TaskLogLine, TaskOf, TaskOutcome } from 'db/domain/task'
import * as doors from 'db/queries/agent'
import { startEngine } from '../../agent/archive/client.ts'
import { discover } from '../../agent/docker/discover.ts'
import { askDocker, connectDocker } from '../../agent/docker/engine.ts'
import { hostStatus } from '../../agent/host-status.ts'
import { backupPath } from '../../agent/tasks/backup-path.ts'
import { manifestOf } from '../../agent/tasks/manifest.ts'
import { resolveStack, type ResolvedStack } from '../../agent/tasks/resolve-stack.ts'
import type { Tools } from '../../agent/tasks/tools.ts'
import { chance } from './stacks.ts'
import type { Mishap } from './story.ts'

/** What has been told of a task, and until when it took. */
export interface Played {
  task: AgentTask
  start: Date
  end: Date
}

export interface PlayedAgent extends AsyncDisposable {
  hostId: number
  /** Its host's stacks as they are on disk now. */
  look(): Promise<void>
  /** Answers all tasks there are, the first at `at`, one after the other; `mishapOf` says what went wrong with a stack. */
  work(at: Date, mishapOf: (stack: string, archive: string) => Mishap | undefined): Promise<Played[]>
}

export interface PlayedHost {
  name: string
  /** With the role of the host. */
  databaseUrl: string
  stacksDir: string
  archivesDir: string
  dockerHost: string
}

type Archiving = TaskOf<'archive_stack'>

export async function playAgent(host: PlayedHost): Promise<PlayedAgent> {
  await using undo = new AsyncDisposableStack()
  const sql = connect(host.databaseUrl, { name: 'demo', max: 2 })
  undo.defer(() => sql.end({ timeout: 5 }))
  const engine = undo.use(startEngine())
  const { version } = JSON.parse(await readFile('agent/package.json', 'utf8')) as { version: string }
  const docker = await atDoor(host, connectDocker)
  const known = new Map<string, Promise<{ stack: ResolvedStack; lines: string[]; manifest: string }>>()

  async function see() {
    const state = await askDocker(docker)
    const options = { own: null, inContainer: false, stacksDirs: [host.stacksDir], dataRoot: '/var/lib/docker',
    ownFolders: [host.archivesDir] }
    const found = await discover({ ...options, docker: state.reachable ? docker : null })
    return { found, status: await hostStatus(state, found, host.archivesDir, false) }
  }

  /** What Docker and the compose file say of a stack does not change from night to night. */
  function resolve({ payload }: Archiving) {
    const key = `${payload.archive.folder} ${payload.stack.path}`
    const resolving = known.get(key) ?? resolveOnce(payload)
    known.set(key, resolving)
    return resolving
  }

  async function resolveOnce(payload: Archiving['payload']) {
    const lines: string[] = []
    const report = { progress: { phase: 'resolve' as const, files: 0, bytes: 0, total_bytes: null, stopped_at: null } }
    const saying = { ...report, say: (_: unknown, text: string) => void lines.push(text), phase() {}, finish: async () => {} }
    const tools = { docker, hostName: host.name, version } as Tools
    const stack = await atDoor(host, () => resolveStack(payload, tools, saying))
    const { content } = await manifestOf(payload, stack, tools, new Date())
    return { stack, lines, manifest: content }
  }

  async function archive(task: Archiving, start: Date, mishap: Mishap | undefined) {
    const { payload } = task
    const told = teller(start)
    told.say(`Phase 1: stack ${payload.stack.name} in ${payload.stack.path}`)
    const { stack, lines, manifest } = await resolve(task)
    for (const line of lines) told.say(line)
    const outcome: TaskOutcome = {
      ...{ status: 'success', reason: '', was_running: stack.was_running, downtime_seconds: null },
      ...{ archive_path: null, backup: null, not_covered: stack.notCovered, pull: null },
    }
    if (mishap && mishap.status !== 'warning') {
      told.say(`No backup was made: ${mishap.reason}`, mishap.status === 'failed' ? 'error' : 'warn')
      return { told, outcome: { ...outcome, status: mishap.status, reason: mishap.reason } }
    }
    for (const source of stack.sources.slice(1)) told.say(`With volume ${source.prefix.slice('_volumes/'.length)}`)
    for (const text of stack.notCovered) told.say(`Not covered: ${text}`)
    const stopped = stack.toStop.map(({ name }) => name)
    const isPause = payload.archive.mode === 'pause'
    for (const name of stopped) told.say(`${isPause ? 'Paused' : 'Stopped'} ${name}`, 'info', 0.7)

    const names = { archive: payload.archive.folder, stack: payload.stack.folder }
    const path = backupPath(names, start, payload.archive.time_zone, payload.archive.format, 1)
    const file = join(host.archivesDir, path)
    await mkdir(dirname(file), { recursive: true })
    await (payload.archive.format === 'folder' ? mkdir(file) : writeFile(file, '', { mode: 0o600 }))
    const content = manifest.replace(/"created_at": "[^"]*"/, `"created_at": "${start.toISOString()}"`)
    const { format, level, exclude } = payload.archive
    const packed = await engine.pack(
      {
        ...{ out: file, format, level, sources: stack.sources, exclude: [host.archivesDir], patterns: exclude },
        append: [{ name: '_archive/manifest.json', content, mode: 0o600 }],
        ...{ previous: null, full_read_every: 30 },
      },
      () => {},
    )
    await readBack(file, format, packed.sha256)

    told.pass(1 + packed.bytes_read / 400_000 + 2 * chance(path))
    for (const name of stopped.toReversed()) told.say(`${isPause ? 'Unpaused' : 'Started'} ${name}`, 'info', 0.9)
    const downtime = stopped.length > 0 ? told.seconds() : null
    if (downtime !== null) told.say(`The stack is up again; it was down for ${downtime.toFixed(1)} s`)
    const size = binarySize(packed.size_bytes)
    told.say(`Packed ${counted(packed.files, 'file')}, ${binarySize(packed.bytes_read)} into ${size}; reading it back`)
    told.pass(3 + 4 * chance(file))
    const warnings = [...stack.warnings, ...(mishap ? [mishap.reason] : [])]
    for (const warning of warnings) told.say(warning, 'warn')
    told.say(`Backup: ${file} (${size}, verified)`)
    await utimes(file, start, start)
    const backup = {
      ...{ path, format, size_bytes: packed.size_bytes, file_count: packed.files, sha256: packed.sha256 },
      ...{ created_at: start.toISOString(), verified_at: told.now().toISOString(), unreadable_count: 0 },
      ...{ content_bytes: packed.content_bytes, reused_bytes: packed.reused_bytes },
    }
    const status = warnings.length > 0 ? ('warning' as const) : ('success' as const)
    const made = { status, reason: warnings.join('; '), downtime_seconds: downtime, archive_path: file, backup }
    return { told, outcome: { ...outcome, ...made } }
  }

  async function readBack(file: string, format: ArchiveFormat, sha256: string): Promise<void> {
    const found = await engine.verify({ file, format, frames: 'all' }, () => {})
    if (found.sha256 !== sha256) throw new Error(`${file} is not what was written`)
  }

  async function care(task: Exclude<AgentTask, Archiving>, start: Date) {
    const told = teller(start)
    const outcome: CareOutcome = { status: 'success', reason: '', backups: [] }
    if (task.kind === 'delete_backups')
      for (const backup of task.payload.backups) {
        const file = join(host.archivesDir, backup.path)
        const bytes = backup.format === 'folder' ? backup.size_bytes : (await stat(file)).size
        await rm(file, { recursive: true })
        await rm(`${file}.index`, { force: true })
        told.say(`Deleted ${file} (${binarySize(bytes)})`, 'info', 0.3)
        outcome.backups.push({ id: backup.id, did: 'deleted', reason: task.payload.reason, bytes })
      }
    else if (task.kind === 'verify_backups') {
      told.say(`Reading ${counted(task.payload.backups.length, 'backup')} back`)
      for (const { id, path, format, sha256 } of task.payload.backups) {
        const file = join(host.archivesDir, path)
        await readBack(file, format, sha256)
        told.say(`${file} is whole`, 'info', 2)
        outcome.backups.push({ id, did: 'verified', reason: '', bytes: 0 })
      }
    } else if (task.kind === 'clean_up')
      for (const name of task.payload.tasks) told.say(`${name.replaceAll('_', ' ')}: 0 findings`, 'info', 1)
    else throw new Error(`The demo does not know what becomes of ${task.kind}`)
    return { told, outcome }
  }

  const first = await see()
  const { epoch, host_id } = await doors.startAgent(sql, version, first.status, [])
  await doors.reportStacks(sql, epoch, first.found.stacks)
  const kept = undo.move()
  return {
    hostId: host_id,
    async look() {
      const { found, status } = await see()
      await doors.reportStacks(sql, epoch, found.stacks)
      await doors.heartbeat(sql, epoch, status, [])
    },
    async work(at, mishapOf) {
      const played: Played[] = []
      for (let start = at; ; ) {
        const task = await doors.claimTask(sql, epoch, [])
        if (!task) return played
        const { told, outcome } =
          task.kind === 'archive_stack'
            ? await archive(task, start, mishapOf(task.payload.stack.name, task.payload.archive.name))
            : await care(task, start)
        await doors.sendLog(sql, epoch, task.id, told.lines)
        await doors.finishTask(sql, epoch, task.id, outcome)
        played.push({ task, start, end: told.now() })
        start = new Date(told.now().getTime() + 400)
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** Log lines, and a clock that goes on as they are told. */
function teller(start: Date) {
  let at = start.getTime()
  const lines: TaskLogLine[] = []
  return {
    lines,
    now: () => new Date(at),
    seconds: () => (at - start.getTime()) / 1000,
    pass: (seconds: number) => void (at += Math.round(seconds * 1000)),
    say(text: string, level: TaskLogLine['level'] = 'info', seconds = 0.1) {
      at += Math.round(seconds * 1000)
      lines.push({ seq: lines.length + 1, at: new Date(at).toISOString(), level, text })
    },
  }
}

let turn: Promise<unknown> = Promise.resolve()

/** Docker's client, and the command, look where the agent of this host would: one host after the other. */
function atDoor<Result>(host: PlayedHost, work: () => Result | Promise<Result>): Promise<Result> {
  const done = turn.then(async () => {
    const before = process.env['DOCKER_HOST']
    process.env['DOCKER_HOST'] = host.dockerHost
    try {
      return await work()
    } finally {
      if (before === undefined) delete process.env['DOCKER_HOST']
      else process.env['DOCKER_HOST'] = before
    }
  })
  turn = done.catch(() => {})
  return done
}

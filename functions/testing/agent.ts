// An agent as the database sees it: a login of its own that calls the agent_* functions, with no Docker behind it.
import { connect } from 'db/connect'
import type { HostStatus } from 'db/domain/host'
import type { ReportedStack } from 'db/domain/stack'
import type { AgentTask, CareOutcome, TaskOutcome, TaskProgress } from 'db/domain/task'
import { claimTask, finishTask, heartbeat, reportStacks, sendLog, startAgent } from 'db/queries/agent'
import type { TestDatabase } from 'db/testing/database'

export const status: HostStatus = {
  docker: { reachable: true, version: '20.10.24', reason: '' },
  archives_dir: '/archives',
  disk: { total_bytes: 1000, free_bytes: 500 },
  in_container: false,
  mounts: [],
  unreachable_projects: [],
}

export const good: TaskOutcome = {
  status: 'success',
  reason: '',
  was_running: true,
  downtime_seconds: 2.5,
  archive_path: '/archives/nightly/wiki/1.tar.zst',
  backup: {
    path: 'nightly/wiki/1.tar.zst',
    format: 'tar.zst',
    size_bytes: 3 * 1024 * 1024,
    file_count: 12,
    sha256: '0'.repeat(64),
    created_at: '2026-11-23T01:00:00Z',
    verified_at: '2026-11-23T01:00:10Z',
    unreadable_count: 0,
    content_bytes: 8 * 1024 * 1024,
    reused_bytes: 6 * 1024 * 1024,
  },
  not_covered: [],
  pull: null,
}

export const bad: TaskOutcome = {
  ...good,
  status: 'failed',
  reason: 'the disk is full',
  archive_path: null,
  backup: null,
}

/** Starts and reports these stacks. */
export async function startTestAgent(database: TestDatabase, stackNames: string[]) {
  const host = await database.addHost()
  const sql = connect(host.url, { name: 'test agent', max: 2 })
  const { epoch } = await startAgent(sql, '0.1.0', status, [])
  await reportStacks(sql, epoch, stackNames.map(stackNamed))
  let seq = 0
  return {
    host,
    claim: () => claimTask(sql, epoch, []),
    log: (task: AgentTask, ...texts: string[]) =>
      sendLog(
        sql,
        epoch,
        task.id,
        texts.map((text) => ({ seq: ++seq, at: new Date().toISOString(), level: 'info', text })),
      ),
    /** As the heartbeat of an agent tells it. */
    progress: (task: AgentTask, done: Pick<TaskProgress, 'files' | 'bytes'>) =>
      heartbeat(sql, epoch, null, [
        { id: task.id, progress: { phase: 'verify', total_bytes: null, stopped_at: null, ...done } },
      ]),
    finish: (task: AgentTask, outcome: TaskOutcome | CareOutcome) => finishTask(sql, epoch, task.id, outcome),
    stop: () => sql.end(),
  }
}

function stackNamed(name: string): ReportedStack {
  return {
    path: `/srv/${name}`,
    name,
    compose_file: 'compose.yml',
    project: name,
    kind: 'nested',
    containers: [{ id: 'c1', name: `${name}-web-1`, service: 'web', image: 'web', state: 'running', health: '' }],
    mounts: [],
    own: false,
  }
}

// Numbers in the text format that Prometheus reads.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
import type { Metrics } from 'db/queries/metrics'

interface Family {
  name: string
  help: string
  samples: { labels: Record<string, string>; value: number | null }[]
}

/** All are gauges: they are counted in the database, where rows also go. Samples without a value are left out. */
export function metricsText(metrics: Metrics, version: string): string {
  return familiesOf(metrics, version).map(familyText).join('')
}

function familiesOf(metrics: Metrics, version: string): Family[] {
  const { jobs, backups, downtimes, tasks, queue, agents, mails } = metrics
  const ofStack = ({ host, stack, path }: { host: string; stack: string; path: string }) => ({ host, stack, path })
  return [
    {
      name: 'archiver_info',
      help: 'The version of the server that answers.',
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: 'archiver_jobs',
      help: 'Jobs by type and status, without dry runs.',
      samples: jobs.map(({ type, status, count }) => ({ labels: { type, status }, value: count })),
    },
    {
      name: 'archiver_stack_last_success_timestamp_seconds',
      help: 'When the newest good backup of a stack was made.',
      samples: backups.map((row) => ({ labels: ofStack(row), value: row.newest_good })),
    },
    {
      name: 'archiver_stack_last_success_age_seconds',
      help: 'How old the newest good backup of a stack is.',
      samples: backups.map((row) => ({ labels: ofStack(row), value: row.age })),
    },
    {
      name: 'archiver_backups',
      help: 'Backups of a stack that are there.',
      samples: backups.map((row) => ({ labels: ofStack(row), value: row.count })),
    },
    {
      name: 'archiver_backup_bytes',
      help: 'Size of all backups of a stack.',
      samples: backups.map((row) => ({ labels: ofStack(row), value: row.bytes })),
    },
    {
      name: 'archiver_stack_downtime_seconds',
      help: 'How long a stack was down for its last archive.',
      samples: downtimes.map((row) => ({ labels: ofStack(row), value: row.seconds })),
    },
    {
      name: 'archiver_tasks',
      help: 'Tasks that wait for an agent or are under way, by host.',
      samples: tasks.map(({ host, state, count }) => ({ labels: { host, state }, value: count })),
    },
    {
      name: 'archiver_queue_waiting',
      help: 'Short work of the servers that waits or is under way.',
      samples: [{ labels: {}, value: queue.waiting }],
    },
    {
      name: 'archiver_queue_given_up',
      help: 'Short work of the servers that failed as often as it may.',
      samples: [{ labels: {}, value: queue.given_up }],
    },
    {
      name: 'archiver_agent_info',
      help: 'The version of the agent of a host.',
      samples: agents.map(({ host, version }) => ({ labels: { host, version }, value: 1 })),
    },
    {
      name: 'archiver_agent_online',
      help: 'Whether the agent of a host was heard of within the last minute.',
      samples: agents.map(({ host, online }) => ({ labels: { host }, value: online ? 1 : 0 })),
    },
    {
      name: 'archiver_agent_last_seen_timestamp_seconds',
      help: 'When the agent of a host was last heard of.',
      samples: agents.map(({ host, seen }) => ({ labels: { host }, value: seen })),
    },
    {
      name: 'archiver_mails',
      help: 'Mails by state; failed ones were tried as often as they may.',
      samples: mails.map(({ state, count }) => ({ labels: { state }, value: count })),
    },
  ]
}

function familyText({ name, help, samples }: Family): string {
  const lines = samples.flatMap(({ labels, value }) =>
    value === null ? [] : [`${name}${labelsText(labels)} ${value}`],
  )
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines, ''].join('\n')
}

function labelsText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

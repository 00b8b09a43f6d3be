// Docker's own account of what happened to containers, in order.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { dockerEnv } from './docker.ts'
import { until } from './until.ts'

export interface ContainerEvent {
  /** die, start, stop, pause, health_status: healthy, … */
  action: string
  project: string
  service: string
  /** Nanoseconds since 1970. */
  at: bigint
}

export interface EventWatch extends AsyncDisposable {
  /** In the order they happened; of one Compose project when it was asked for. */
  events: ContainerEvent[]
  /** `start db`, `die web`: what a test compares. */
  short(...actions: string[]): string[]
  until(action: string, service: string, timeout?: number): Promise<ContainerEvent>
}

export async function watchDockerEvents(project?: string): Promise<EventWatch> {
  // The moment is named so that nothing is lost while the client is starting.
  const since = (Date.now() / 1000).toFixed(3)
  const filter = ['--filter', 'type=container', '--filter', 'label=com.docker.compose.project']
  const child = spawn('docker', ['events', '--since', since, ...filter, '--format', '{{json .}}'], {
    env: dockerEnv(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = new Promise((done) => child.on('exit', done).on('error', done))
  const events: ContainerEvent[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as {
      Action: string
      timeNano: number
      Actor: { Attributes: Record<string, string> }
    }
    const labels = event.Actor.Attributes
    const name = labels['com.docker.compose.project'] ?? ''
    if (project !== undefined && name !== project) return
    const at = BigInt(/"timeNano":(\d+)/.exec(line)?.[1] ?? 0)
    events.push({ action: event.Action, project: name, service: labels['com.docker.compose.service'] ?? '', at })
  })
  return {
    events,
    short: (...actions) =>
      events.filter(({ action }) => actions.includes(action)).map(({ action, service }) => `${action} ${service}`),
    until: (action, service, timeout) =>
      until(
        `"${action}" of ${service}`,
        () => events.find((event) => event.action === action && event.service === service),
        timeout,
      ),
    async [Symbol.asyncDispose]() {
      child.kill()
      await ended
    },
  }
}

// Waiting for a container's own health check, as long as the check itself could take and no longer.
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { ContainerInspectInfo } from 'dockerode'

const second = 1_000_000_000
const longestWaitMs = 5 * 60_000
const pollMs = 250

/** Docker's defaults where the container sets nothing: interval and timeout 30 s, 3 retries. Durations are in ns. */
export function longestTimeToHealth(check: NonNullable<ContainerInspectInfo['Config']['Healthcheck']>): number {
  const { Interval, Timeout, Retries, StartPeriod } = check
  const ns = (StartPeriod || 0) + (Retries || 3) * ((Interval || 30 * second) + (Timeout || 30 * second))
  return Math.min(ns / 1_000_000, longestWaitMs)
}

/**
 * Resolves with an empty text as soon as the container is healthy, or where it defines no check; with a sentence
 * when it is unhealthy, has ended, or does not become healthy within start_period + retries × (interval + timeout).
 */
export async function waitUntilHealthy(docker: Docker, id: string): Promise<string> {
  const started = performance.now()
  for (;;) {
    const container = await docker.getContainer(id).inspect({ abortSignal: AbortSignal.timeout(15_000) })
    const name = container.Name.replace(/^\//, '')
    const check = container.Config.Healthcheck
    if (!check?.Test?.length || check.Test[0] === 'NONE') return ''
    const status = container.State.Health?.Status
    if (status === 'healthy') return ''
    if (!container.State.Running) return `${name} has ended with exit code ${container.State.ExitCode}`
    const waited = performance.now() - started
    if (status === 'unhealthy' && waited > 2 * pollMs)
      return `${name} is unhealthy: ${container.State.Health?.Log.at(-1)?.Output.trim() || 'its check says no more'}`
    if (waited > longestTimeToHealth(check)) return `${name} is not healthy after ${Math.round(waited / 1000)} s`
    await sleep(pollMs)
  }
}

// Docker's stream of events, kept open for as long as the agent lives.
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'

/** Calls back when a container is made, starts, ends, changes its health or goes away, and when the stream begins anew. */
export async function onContainerEvent(docker: Docker, callback: () => void, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      const stream = await docker.getEvents({
        filters: {
          type: ['container'],
          event: ['create', 'start', 'die', 'destroy', 'pause', 'unpause', 'health_status', 'rename'],
        },
        abortSignal: stop,
      })
      callback()
      stream.on('data', callback)
      await new Promise<void>((resolve) => {
        for (const end of ['end', 'close', 'error']) stream.once(end, () => resolve())
      })
    } catch {
      // Docker is away; whoever asks it next says so
    }
    await sleep(5000, undefined, { signal: stop, ref: false }).catch(() => {})
  }
}

// Stops what runs of a stack and hands back its own restart.
import type Docker from 'dockerode'
import type { ContainerInspectInfo } from 'dockerode'
import type { ArchiveMode } from 'db/domain/archive'
import { needsOf, sharedNamespaces, isReference, stopOrder } from './order.ts'
import { startContainers, type StartReport } from './start-containers.ts'
import type { StoppedContainer } from './stopped-container.ts'

type Say = (text: string) => void

/**
 * What will be stopped: the running containers of the stack, and those of any stack that live in a namespace of one of
 * them (they would lose their network). Never one of `ownProject`. Containers that stopping would delete are paused.
 */
export function chooseContainers(
  ofStack: ContainerInspectInfo[],
  all: ContainerInspectInfo[],
  mode: Exclude<ArchiveMode, 'live'>,
  own: { id: string; project: string } | null,
): StoppedContainer[] {
  const chosen = ofStack.filter(wasUp)
  for (let grown = true; grown;) {
    const dependents = all.filter(
      (container) =>
        wasUp(container) &&
        !chosen.some((one) => one.Id === container.Id) &&
        sharedNamespaces(container).some((reference) => chosen.some((one) => isReference(reference, one))),
    )
    chosen.push(...dependents)
    grown = dependents.length > 0
  }
  return chosen
    .filter((container) => !isOwn(container, own))
    .map((container) => {
      const labels = container.Config.Labels ?? {}
      return {
        id: container.Id,
        name: nameOf(container),
        project: labels['com.docker.compose.project'] ?? '',
        service: labels['com.docker.compose.service'] ?? '',
        number: labels['com.docker.compose.container-number'] ?? '',
        image: container.Config.Image,
        action: mode === 'pause' || container.HostConfig.AutoRemove ? 'pause' : 'stop',
        started_at: container.State.StartedAt,
        grace: graceOf(container),
        needs: needsOf(container, chosen),
      }
    })
}

/** Up, or coming up again by its restart policy: it would be up without us. A paused one was paused by its owner. */
export function wasUp(container: ContainerInspectInfo): boolean {
  return (container.State.Running || container.State.Restarting) && !container.State.Paused
}

/** Docker's default is 10 s; -1 means forever, which here is ten minutes. */
function graceOf(container: ContainerInspectInfo): number {
  // the types leave it out; the engine does not
  const seconds = (container.Config as { StopTimeout?: number }).StopTimeout ?? 10
  return seconds < 0 ? 600 : Math.min(seconds, 600)
}

export function isOwn(container: ContainerInspectInfo, own: { id: string; project: string } | null): boolean {
  if (!own) return false
  const project = container.Config.Labels?.['com.docker.compose.project'] ?? ''
  return container.Id === own.id || (own.project !== '' && project === own.project)
}

export function nameOf(container: ContainerInspectInfo): string {
  return container.Name.replace(/^\//, '')
}

/**
 * Stops `containers` in reverse dependency order, each with its own grace period, and gives back the function that
 * brings back all of them, however far the stopping came. The caller has written them to its journal before, with the
 * fingerprint of the engine.
 */
export function stopStack(
  docker: Docker,
  containers: StoppedContainer[],
  say: Say,
  engine: string,
): { stop(signal: AbortSignal): Promise<void>; start(): Promise<StartReport> } {
  const asked = new Set<string>()
  return {
    async stop(signal) {
      for (const group of stopOrder(containers)) {
        signal.throwIfAborted()
        for (const { id } of group) asked.add(id)
        const stopped = await Promise.allSettled(group.map((container) => stopOne(docker, container, signal, say)))
        for (const one of stopped) if (one.status === 'rejected') throw one.reason
      }
    },
    start: () => startContainers(docker, containers, say, asked, engine),
  }
}

async function stopOne(docker: Docker, container: StoppedContainer, signal: AbortSignal, say: Say): Promise<void> {
  try {
    if (container.action === 'pause') {
      // never given up half-way: whether it is frozen has to be known when it is brought back
      await docker.getContainer(container.id).pause({ abortSignal: AbortSignal.timeout(60_000) })
      say(`Paused ${container.name}`)
    } else {
      await docker.getContainer(container.id).stop({ abortSignal: signal })
      say(`Stopped ${container.name}`)
    }
  } catch (error) {
    signal.throwIfAborted()
    const status = (error as { statusCode?: number }).statusCode
    // 304: it has stopped by itself; 404: it is gone; 409: it ended before it could be paused
    if (status === 304 || status === 404) return
    if (status === 409 && !(await isRunning(docker, container.id))) return
    throw new Error(`${container.name} could not be stopped`, { cause: error })
  }
}

async function isRunning(docker: Docker, id: string): Promise<boolean> {
  const state = await docker
    .getContainer(id)
    .inspect()
    .catch(() => null)
  return state?.State.Running === true && !state.State.Paused
}

// In which order containers are stopped and started. Pure.
import type { ContainerInspectInfo } from 'dockerode'

export interface Need {
  id: string
  /** True when the dependent waits for the health check and not only for the start. */
  healthy: boolean
}

export interface OrderedContainer {
  id: string
  needs: Need[]
}

/**
 * What each container needs before it starts, from Compose's depends_on label ("db:service_started:false,…"), links,
 * and namespaces shared with another container. `service_completed_successfully` needs nothing: it has ended already.
 */
export function needsOf(container: ContainerInspectInfo, among: ContainerInspectInfo[]): Need[] {
  const labels = container.Config.Labels ?? {}
  const project = labels['com.docker.compose.project']
  const needs = new Map<string, boolean>()
  for (const part of (labels['com.docker.compose.depends_on'] ?? '').split(',')) {
    const [service, condition] = part.split(':')
    if (!service || condition === 'service_completed_successfully') continue
    for (const other of among) {
      const otherLabels = other.Config.Labels ?? {}
      if (otherLabels['com.docker.compose.project'] !== project) continue
      if (otherLabels['com.docker.compose.service'] !== service || other.Id === container.Id) continue
      needs.set(other.Id, condition === 'service_healthy')
    }
  }
  for (const reference of [...sharedNamespaces(container), ...linked(container)]) {
    const other = among.find((candidate) => isReference(reference, candidate))
    if (other && other.Id !== container.Id && !needs.has(other.Id)) needs.set(other.Id, false)
  }
  return [...needs].map(([id, healthy]) => ({ id, healthy }))
}

/** Ids or names of containers whose network, process or IPC namespace this one lives in. */
export function sharedNamespaces(container: ContainerInspectInfo): string[] {
  const { NetworkMode, PidMode, IpcMode } = container.HostConfig
  return [NetworkMode, PidMode, IpcMode].flatMap((mode) =>
    mode?.startsWith('container:') ? [mode.slice('container:'.length)] : [],
  )
}

function linked(container: ContainerInspectInfo): string[] {
  const links = (container.HostConfig.Links as string[] | null | undefined) ?? []
  return links.map((link) => link.split(':')[0] ?? '')
}

export function isReference(reference: string, container: ContainerInspectInfo): boolean {
  return reference === container.Id || reference.replace(/^\//, '') === container.Name.replace(/^\//, '')
}

/** Groups to start one after the other; within a group all at once. A cycle ends up in one last group. */
export function startOrder<T extends OrderedContainer>(containers: T[]): T[][] {
  const groups: T[][] = []
  let rest = containers
  while (rest.length > 0) {
    const waiting = new Set(rest.map((container) => container.id))
    const ready = rest.filter((container) => container.needs.every((need) => !waiting.has(need.id)))
    const group = ready.length > 0 ? ready : rest
    groups.push(group)
    rest = rest.filter((container) => !group.includes(container))
  }
  return groups
}

/** The reverse: what others need is stopped last. */
export function stopOrder<T extends OrderedContainer>(containers: T[]): T[][] {
  return startOrder(containers).reverse()
}

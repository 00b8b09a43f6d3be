// A Compose project found on a host, as its agent reports it.

/** Where it was found: in a mount root, one level below, or through Docker's labels alone. */
export type StackKind = 'direct' | 'nested' | 'project'

export interface StackContainer {
  id: string
  name: string
  service: string
  image: string
  /** Docker's word: created, running, paused, restarting, exited, dead. */
  state: string
  /** Docker's word, or empty where no health check is defined. */
  health: string
}

/** A mount of one of the stack's containers, and whether a backup holds it. */
export interface StackMount {
  service: string
  type: string
  /** Volume name, or the path on the host of a bind mount. */
  source: string
  destination: string
  covered: boolean
  /** Not covered: true when an archive that includes bind mounts holds it, false when none ever does. */
  on_request?: boolean
  /** Why it is, or is not, in the backup. */
  why: string
}

export interface ReportedStack {
  path: string
  name: string
  compose_file: string
  project: string
  kind: StackKind
  containers: StackContainer[]
  mounts: StackMount[]
  /** True for the Compose project Docker Archiver itself runs in; it is never stopped. */
  own: boolean
}

/** A container in one of these states counts as running: it would be up without us. */
export const runningStates: readonly string[] = ['running', 'restarting']

export function isRunning(containers: readonly Pick<StackContainer, 'state'>[]): boolean {
  return containers.some((container) => runningStates.includes(container.state))
}

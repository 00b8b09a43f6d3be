// What an agent says of itself and its machine. Kept as it is in `hosts.status`.

/** Why a folder is, or is not, scanned for stacks. */
export type MountVerdict = 'scanned' | 'exempt' | 'mismatch' | 'missing' | 'unreadable'

export interface ScannedMount {
  /** Path the agent sees. */
  path: string
  /** Path on the host; equal to `path` unless the verdict is `mismatch`. */
  source: string
  verdict: MountVerdict
  /** How many stacks were found below it. */
  stacks: number
  /** One sentence for people: what is wrong and how to mend it; empty when nothing is. */
  text: string
}

/** A Compose project that Docker runs but whose directory the agent cannot see. */
export interface UnreachableProject {
  project: string
  working_dir: string
  text: string
}

export interface HostStatus {
  docker: { reachable: boolean; version: string; reason: string }
  archives_dir: string
  /** Bytes of the file system that holds the archives folder; null when it cannot be read. */
  disk: { total_bytes: number; free_bytes: number } | null
  in_container: boolean
  mounts: ScannedMount[]
  unreachable_projects: UnreachableProject[]
}

/** Seconds without a word after which an agent counts as offline: four heartbeats. */
export const offlineAfterSeconds = 60

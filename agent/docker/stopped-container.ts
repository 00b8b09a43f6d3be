// A container we stopped or paused: all that is needed to find it again and bring it back, kept in the journal.

export interface StoppedContainer {
  id: string
  name: string
  /** Compose labels; empty for a container without them. */
  project: string
  service: string
  number: string
  /** stop: stopped with its own grace period. pause: frozen, because stopping would delete it or the archive says so. */
  action: 'stop' | 'pause'
  /** Ids of containers that must be up before this one, and whether they have to be healthy. */
  needs: { id: string; healthy: boolean }[]
}

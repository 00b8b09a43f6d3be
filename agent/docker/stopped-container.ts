// A container we stopped or paused: all that is needed to find it again and bring it back, kept in the journal.

export interface StoppedContainer {
  id: string
  name: string
  /** Compose labels; empty for a container without them. */
  project: string
  service: string
  number: string
  /** As its service names it. */
  image: string
  /** stop: stopped with its own grace period. pause: frozen, because stopping would delete it or the archive says so. */
  action: 'stop' | 'pause'
  /** Docker's State.StartedAt when it was chosen: while it is the same, the container has not been started since. */
  started_at: string
  /** Seconds Docker gives it to end after it was asked to. */
  grace: number
  /** Ids of containers that must be up before this one, and whether they have to be healthy. */
  needs: { id: string; healthy: boolean }[]
}

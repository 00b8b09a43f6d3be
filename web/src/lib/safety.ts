// The answer to "am I safe?", from facts alone: a stack counts as safe only with a good backup.
import { isFinished } from 'db/domain/job'
import { relative } from './format.ts'
import type { Archive, Host, Job, Stack } from './rows.ts'
import { words } from './words.ts'

interface Concern {
  stack: Stack
  why: string
}

export interface Safety {
  state: 'safe' | 'attention' | 'nothing'
  /** The whole answer up to the list of concerns, without a closing full stop if concerns follow. */
  sentence: string
  /** What else is to be said: the age of the oldest backup, or hosts that are in trouble. Empty when nothing. */
  further: string
  concerns: Concern[]
}

interface Facts {
  hosts: readonly Host[]
  stacks: readonly Stack[]
  archives: readonly Archive[]
  /** Newest first; may be only the latest ones. */
  jobs: readonly Job[]
}

export function safetyOf(facts: Facts, now: Date): Safety {
  const counted = facts.stacks.filter(isCounted)
  const troubledHosts = facts.hosts.flatMap((host) => troubleOfHost(host) ?? []).join(', ')
  const hostsOnly = troubledHosts && words.safety.hostsOnly(troubledHosts)

  if (facts.hosts.length === 0) return nothing(words.safety.noHost, '')
  if (counted.length === 0) return nothing(words.safety.noStack, hostsOnly)

  const concerns = counted.flatMap((stack) => {
    const why = concernOf(stack, facts)
    return why ? [{ stack, why }] : []
  })
  if (concerns.length > 0) {
    const sentence = words.safety.attention(concerns.length, counted.length)
    return { state: 'attention', sentence, further: hostsOnly, concerns }
  }

  const allGood = words.safety.allGood(counted.length)
  const oldest = counted.flatMap((stack) => stack.last_backup?.created_at ?? []).sort()[0]
  const age = oldest === undefined ? '' : relative(new Date(oldest), now)
  const further = counted.length === 1 ? words.safety.newestOfOne(age) : words.safety.newest(age)
  if (troubledHosts) {
    return { state: 'attention', sentence: `${allGood}${words.safety.butHosts(troubledHosts)}.`, further, concerns }
  }
  return { state: 'safe', sentence: `${allGood}.`, further, concerns }
}

function nothing(sentence: string, further: string): Safety {
  return { state: 'nothing', sentence, further, concerns: [] }
}

/** Our own stack is not counted, nor one that is gone and that nobody wanted kept. */
function isCounted(stack: Stack): boolean {
  return stack.archives.length > 0 || (!stack.own && stack.gone_at === null)
}

/** Why a stack is not safe; null when it is, or is not counted. The first reason that holds is the one to mend first. */
export function concernOf(stack: Stack, facts: Pick<Facts, 'archives' | 'jobs'>): string | null {
  if (!isCounted(stack)) return null
  if (stack.archives.length === 0) return words.safety.notInArchive
  if (stack.gone_at !== null) return words.safety.gone
  if (stack.last_backup === null) return words.safety.noBackup
  if (stack.last_backup.state !== 'good') return words.safety[stack.last_backup.state]
  return missedByLastRun(stack, stack.last_backup.created_at, facts)
}

/** A run that failed after the last backup was made left this stack without one, even if another runs now. */
function missedByLastRun(stack: Stack, backedUpAt: string, facts: Pick<Facts, 'archives' | 'jobs'>): string | null {
  for (const { id } of stack.archives) {
    const last = lastFinished(id, facts)
    if (!last || Date.parse(last.created_at) <= Date.parse(backedUpAt)) continue
    if (last.status === 'failed') return words.safety.lastFailed
    if (last.status === 'cancelled') return words.safety.lastCancelled
  }
  return null
}

function lastFinished(archiveId: number, { archives, jobs }: Pick<Facts, 'archives' | 'jobs'>) {
  const known = jobs.find((job) => job.archive_id === archiveId && job.job_type === 'archive' && isFinished(job.status))
  const last = archives.find((archive) => archive.id === archiveId)?.last_job
  return last && isFinished(last.status) ? last : known
}

function troubleOfHost(host: Host): string | null {
  if (host.agent_started_at === null) return words.safety.hostNever(host.name)
  if (!host.online) return words.safety.hostOffline(host.name)
  if (host.status && !host.status.docker.reachable) return words.safety.hostDocker(host.name)
  return null
}

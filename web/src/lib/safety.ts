// The answer to "am I safe?", from facts alone: a stack counts as safe only with a good backup, and while nothing
// that was to make the next one failed, was missed or is overdue.
import { relative } from './format.ts'
import type { Archive, Dashboard, Host, Stack } from './rows.ts'
import { words } from './words.ts'

export interface Concern {
  name: string
  href: string
  why: string
}

export interface Safety {
  state: 'safe' | 'attention' | 'nothing'
  /** The answer up to the concerns, without a closing full stop. */
  sentence: string
  /** Stacks that are not safe. */
  stacks: Concern[]
  /** What else is amiss: archives, hosts, older backups. */
  others: Concern[]
  /** Sentences on what the answer stands on. */
  further: string[]
}

export interface Facts {
  hosts: readonly Host[]
  stacks: readonly Stack[]
  archives: readonly Archive[]
  dashboard: Dashboard
}

const dayLong = 86_400_000
/** A schedule's run starts within the minute; a little more for a server that was restarted. */
const overdueAfter = 10 * 60_000
/** Without a schedule, a backup older than this no longer counts as care. */
const staleAfter = 7 * dayLong

export function safetyOf(facts: Facts, now: Date): Safety {
  const { hosts, dashboard } = facts
  const counted = facts.stacks.filter(isCounted)
  const further = dashboard.maintenance_mode ? [words.safety.maintenance] : []
  const troubled = hosts.flatMap((host) => troubleOfHost(host, now) ?? [])
  if (hosts.length === 0) return { state: 'nothing', sentence: words.safety.noHost, stacks: [], others: [], further }
  if (counted.length === 0)
    return { state: 'nothing', sentence: words.safety.noStack, stacks: [], others: troubled, further }

  const concerned = counted.flatMap((stack) => {
    const why = concernOf(stack, facts, now)
    return why ? [{ stack, why }] : []
  })
  const stacks = concerned.map(({ stack, why }) => ({ name: stack.name, href: `/stacks/${stack.id}`, why }))
  const said = new Set(concerned.flatMap(({ stack }) => stack.archives.map(({ id }) => id)))
  const ofArchives = facts.archives
    .filter(({ id }) => !said.has(id))
    .flatMap((archive) => troubleOfArchive(archive, facts, now) ?? [])
  const others = [...ofArchives, ...troubled, ...corruptBackups(facts, concerned.length)]
  if (stacks.length > 0)
    return {
      state: 'attention',
      sentence: words.safety.attention(stacks.length, counted.length),
      stacks,
      others,
      further,
    }

  return {
    state: others.length > 0 ? 'attention' : 'safe',
    sentence: howAllAreBackedUp(counted, facts, now),
    stacks,
    others,
    further: [...groundsOf(counted, facts, now), ...further],
  }
}

function howAllAreBackedUp(stacks: Stack[], { archives }: Facts, now: Date): string {
  const fresh = stacks.every(({ last_backup }) => last_backup && age(last_backup.created_at, now) <= dayLong)
  if (fresh) return words.safety.today(stacks.length)
  if (stacks.every((stack) => hasSchedule(stack, archives))) return words.safety.scheduled(stacks.length)
  return words.safety.allGood(stacks.length)
}

function groundsOf(stacks: Stack[], { archives }: Facts, now: Date): string[] {
  const ago = (times: string[]) => relative(new Date(Math.min(...times.map(Date.parse))), now)
  const made = ago(stacks.flatMap(({ last_backup }) => last_backup?.created_at ?? []))
  const verified = ago(stacks.flatMap(({ last_backup }) => last_backup?.verified_at ?? []))
  const unscheduled = stacks.filter((stack) => !hasSchedule(stack, archives)).length
  return [
    stacks.length === 1 ? words.safety.timesOfOne(made, verified) : words.safety.times(made, verified),
    ...(unscheduled > 0 ? [words.safety.unscheduled(unscheduled, stacks.length)] : []),
  ]
}

/** Our own stack is not counted, nor one that is gone and that nobody wanted kept. */
function isCounted(stack: Stack): boolean {
  return stack.archives.length > 0 || (!stack.own && stack.gone_at === null)
}

/** Why a stack is not safe; null when it is, or is not counted. The first reason that holds is the one to mend first. */
export function concernOf(stack: Stack, { archives }: Pick<Facts, 'archives'>, now: Date): string | null {
  if (!isCounted(stack)) return null
  if (stack.archives.length === 0) return words.safety.notInArchive
  if (stack.gone_at !== null) return words.safety.gone
  const { last_backup: good, newest_backup: newest, last_run } = stack
  if (newest?.state === 'corrupt') return words.safety.corrupt
  if (good === null) {
    if (newest) return words.safety.onlyIncomplete
    return last_run?.status === 'failed' ? words.safety.failedNoBackup : words.safety.noBackup
  }
  if (newest?.state === 'incomplete') return words.safety.incomplete
  // the newest run that ended says how it ended, even if another runs now
  const since = Date.parse(good.created_at)
  if (last_run && Date.parse(last_run.end_time) > since) {
    if (last_run.status === 'failed') return words.safety.lastFailed
    if (last_run.status === 'cancelled') return words.safety.lastCancelled
  }
  const of = archives.filter(({ id }) => stack.archives.some((archive) => archive.id === id))
  for (const archive of of) {
    const late = lateness(archive, since, now)
    if (late) return late
  }
  const stale = of.every(({ schedule_enabled }) => !schedule_enabled) && age(good.created_at, now) > staleAfter
  return stale ? words.safety.stale(relative(new Date(good.created_at), now)) : null
}

/** A run that was missed since the last good thing, or should be under way by now. */
function lateness({ missed_runs, schedule_enabled, next_run_at }: Archive, since: number, now: Date): string | null {
  const missed = missed_runs[0]
  if (missed && Date.parse(missed.scheduled_for) > since)
    return words.safety.missed(relative(new Date(missed.scheduled_for), now))
  if (schedule_enabled && next_run_at && age(next_run_at, now) > overdueAfter)
    return words.safety.overdue(relative(new Date(next_run_at), now))
  return null
}

function troubleOfArchive(archive: Archive, { dashboard, stacks }: Facts, now: Date): Concern | null {
  const last = dashboard.archives.find(({ archive_id }) => archive_id === archive.id)?.last_result
  const of = stacks.filter((stack) => stack.archives.some(({ id }) => id === archive.id))
  const made = of.flatMap(({ last_backup }) => (last_backup ? [Date.parse(last_backup.created_at)] : []))
  const since = Math.max(0, last ? Date.parse(last.end_time) : 0, ...made)
  const why = last?.status === 'failed' ? words.safety.lastFailed : lateness(archive, since, now)
  return why ? { name: words.safety.archive(archive.name), href: `/archives/${archive.id}`, why } : null
}

/** Those that no stack's own concern has told of already. */
function corruptBackups({ dashboard, stacks }: Facts, concerned: number): Concern[] {
  const n = dashboard.storage.corrupt
  const told = concerned > 0 && stacks.some(({ newest_backup }) => newest_backup?.state === 'corrupt')
  if (n === 0 || told) return []
  return [{ name: words.safety.corruptBackups(n), href: '/backups?state=corrupt', why: words.safety.corruptWhy(n) }]
}

function troubleOfHost(host: Host, now: Date): Concern | null {
  const of = (why: string) => ({ name: words.safety.host(host.name), href: '/hosts', why })
  if (host.agent_started_at === null) return of(words.safety.hostNever)
  if (!host.online)
    return of(words.safety.hostOffline(relative(new Date(host.last_seen_at ?? host.agent_started_at), now)))
  if (host.status && !host.status.docker.reachable) return of(words.safety.hostDocker)
  return null
}

function hasSchedule(stack: Stack, archives: readonly Archive[]): boolean {
  return archives.some(({ id, schedule_enabled }) => schedule_enabled && stack.archives.some((of) => of.id === id))
}

function age(at: string, now: Date): number {
  return now.getTime() - Date.parse(at)
}

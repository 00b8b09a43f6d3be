// What an archive does, in one sentence, and what became of it.
import { isFinished } from 'db/domain/job'
import type { Archive, Host } from './rows.ts'
import { scheduleInWords } from './schedule-words.ts'
import { words } from './words.ts'

/** "3 stacks", "all stacks of nas and 1 other". */
export function stacksOf(archive: Archive, hosts: readonly Host[]): string {
  const chosen = archive.stack_ids.length
  if (archive.all_stacks_of_host === null) return words.archive.stacks(chosen)
  const host = hosts.find(({ id }) => id === archive.all_stacks_of_host)?.name ?? words.archive.aHost
  return chosen === 0 ? words.archive.allOf(host) : words.archive.allOfAnd(host, chosen)
}

/** Its schedule in words, with its time zone where that is not the one times are shown in; empty while it is off. */
export function scheduleOf(archive: Archive, displayZone: string): string {
  if (!archive.schedule_enabled) return ''
  const zone = archive.time_zone === displayZone ? '' : archive.time_zone
  return words.archive.whenIn(scheduleInWords(archive.schedule_cron), zone)
}

export function sentenceOf(archive: Archive, hosts: readonly Host[], displayZone: string): string {
  return words.archive.does({
    when: scheduleOf(archive, displayZone) || words.archive.byHand,
    mode: archive.mode,
    what: stacksOf(archive, hosts),
    single: archive.all_stacks_of_host === null && archive.stack_ids.length === 1,
    volumes: archive.include_volumes,
    format: archive.format,
    keeps: keptBy(archive),
  })
}

export function keptBy(archive: Archive): string {
  const { retention_keep_days, retention_keep_weeks, retention_keep_months, retention_keep_years } = archive
  return words.retention.keeps(retention_keep_days, retention_keep_weeks, retention_keep_months, retention_keep_years)
}

/** The job of it that waits or runs; null when none does. */
export function currentJob({ last_job }: Archive): Archive['last_job'] {
  return last_job !== null && !isFinished(last_job.status) ? last_job : null
}

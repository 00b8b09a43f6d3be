// What lines of a log look like as text.
import { logLevels } from 'db/domain/job'
import { timeOfDay } from './format.ts'
import type { LogLine } from './rows.ts'

/** Which lines of a job's log. */
export interface LogFilter {
  /** Of the stack of this name. */
  stack?: string | undefined
  /** Of this level or a graver one. */
  level?: LogLine['level'] | undefined
  /** Whose text contains this, whatever its case. */
  search?: string | undefined
  /** After the line of this number. */
  after: number
}

/** As the server decides it, for lines that come while somebody looks. */
export function matches({ line, level, text, stack_name }: LogLine, filter: LogFilter): boolean {
  return (
    line > filter.after &&
    (filter.stack === undefined || stack_name === filter.stack) &&
    (filter.level === undefined || logLevels.indexOf(level) >= logLevels.indexOf(filter.level)) &&
    (filter.search === undefined || text.toLowerCase().includes(filter.search.toLowerCase()))
  )
}

/** The text cut where it matches: odd parts are the matches. */
export function cutAtMatches(text: string, wanted: string): string[] {
  if (wanted === '') return [text]
  const parts: string[] = []
  const lower = text.toLowerCase()
  const needle = wanted.toLowerCase()
  // a few letters change their length in lower case; then marks would stand beside the match
  if (lower.length !== text.length) return [text]
  let from = 0
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    parts.push(text.slice(from, at), text.slice(at, at + needle.length))
    from = at + needle.length
  }
  return [...parts, text.slice(from)]
}

/** As copied: one line each, with time and level. */
export function asText(lines: readonly LogLine[], timeZone: string): string {
  return lines
    .map(({ at, level, stack_name, text }) => {
      const about = stack_name ? `[${stack_name}] ` : ''
      return `${timeOfDay(new Date(at), timeZone)} ${level.toUpperCase().padEnd(5)} ${about}${text}`
    })
    .join('\n')
}

/** The line an address such as `/history/3#L12` points at. */
export function lineOf(hash: string): number | null {
  return Number(/^#L([1-9][0-9]{0,14})$/.exec(hash)?.[1] ?? 0) || null
}

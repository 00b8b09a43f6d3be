// Log lines in chunks, so that a million of them can be drawn a few hundred at a time.
import { timeOfDay } from './format.ts'
import type { LogLine } from './rows.ts'

/** Lines drawn, or left out, together. */
export const chunkSize = 200

export type Chunks = readonly (readonly LogLine[])[]

/** The chunks with more lines at their end; full ones are taken over as they are. */
export function inChunks(chunks: Chunks, lines: readonly LogLine[]): Chunks {
  const open = chunks.at(-1)
  const kept = open && open.length < chunkSize ? chunks.slice(0, -1) : chunks
  const rest = kept === chunks ? lines : [...(open ?? []), ...lines]
  const added: LogLine[][] = []
  for (let at = 0; at < rest.length; at += chunkSize) added.push(rest.slice(at, at + chunkSize))
  return [...kept, ...added]
}

/** Those lines whose text or stack contains what is looked for, whatever its case. */
export function matching(chunks: Chunks, wanted: string): Chunks {
  const needle = wanted.toLowerCase()
  if (needle === '') return chunks
  const has = (text: string) => text.toLowerCase().includes(needle)
  return inChunks(
    [],
    chunks.flatMap((lines) => lines.filter((line) => has(line.text) || has(line.stack_name ?? ''))),
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
export function asText(chunks: Chunks, timeZone: string): string {
  return chunks
    .flatMap((lines) =>
      lines.map(({ at, level, stack_name, text }) => {
        const about = stack_name ? `[${stack_name}] ` : ''
        return `${timeOfDay(new Date(at), timeZone)} ${level.toUpperCase().padEnd(5)} ${about}${text}`
      }),
    )
    .join('\n')
}

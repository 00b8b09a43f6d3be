// A job's log as text: what is downloaded, and what is attached to mails.
import type { LogLine } from 'db/queries/logs'

/** One line each: time (UTC), level, stack, text. */
export async function* logText(batches: AsyncIterable<LogLine[]>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  for await (const lines of batches) yield encoder.encode(lines.map(lineText).join(''))
}

function lineText({ at, level, text, stack_name }: LogLine): string {
  return `${at.toISOString()} ${level.padEnd(5)} ${stack_name === null ? '' : `${stack_name}: `}${text}\n`
}

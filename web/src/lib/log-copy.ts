// Lines of a log on the clipboard, and a word on how much of it that was.
import { asText } from './log-lines.ts'
import type { LogView } from './log-view.svelte.ts'
import { notices } from './notices.svelte.ts'
import { session } from './session.svelte.ts'
import { words } from './words.ts'

/** More than this is better downloaded. */
const most = 5000

/** What is selected; else all lines of the view, or of a long one those around `line`. */
export async function copyLines(view: LogView, line: number): Promise<void> {
  const selected = getSelection()?.toString() ?? ''
  if (selected !== '') return putOnClipboard(async () => selected, words.log.copiedSelection)
  const { count } = view
  const middle = count <= most ? 0 : await view.rowOf(line)
  const from = Math.max(0, Math.min(count - most, middle - most / 2))
  const to = Math.min(count, from + most)
  await putOnClipboard(
    async () => asText(await view.lines(from, to), session.timeZone),
    to - from === count ? words.log.copied(count) : words.log.copiedPart(to - from, count),
  )
}

export async function putOnClipboard(text: () => Promise<string>, said: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(await text())
    notices.say(said)
  } catch {
    notices.say(words.log.copyFailed)
  }
}

// What became of a mail, in a word.
import type { Mail } from './rows.ts'
import { words } from './words.ts'

type Known = Pick<Mail, 'state' | 'refused' | 'last_error'>

export function mailState({ state, refused, last_error }: Known): {
  tone: 'good' | 'warn' | 'bad' | 'idle'
  text: string
} {
  if (state === 'failed') return { tone: 'bad', text: words.settings.mailStates.failed }
  if (state === 'queued' && last_error) return { tone: 'warn', text: words.settings.mailRetrying }
  if (state === 'queued') return { tone: 'idle', text: words.settings.mailStates.queued }
  if (refused.length > 0) return { tone: 'warn', text: words.settings.mailPartly }
  return { tone: 'good', text: words.settings.mailStates.sent }
}

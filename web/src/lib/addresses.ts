// E-mail addresses as people type or paste them: one a line, or with commas between.
import { words } from './words.ts'

/** As many as one link is mailed to. */
const most = 20

/** The addresses, or what is wrong with the first that is none. `needed`: naming nobody is wrong, too. */
export function addressesIn(text: string, needed: boolean): { emails: string[] } | { error: string } {
  const emails = [...new Set(text.split(/[\s,;]+/).filter((part) => part !== ''))]
  const wrong = emails.find((email) => !/^[^@<>"]+@[^@<>"]+\.[^@<>".]+$/.test(email))
  if (wrong !== undefined) return { error: words.download.errors.address(wrong) }
  if (emails.length > most) return { error: words.download.errors.tooMany(most) }
  if (needed && emails.length === 0) return { error: words.download.errors.nobody }
  return { emails }
}

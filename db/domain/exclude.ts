// Exclude patterns, as in a .gitignore: what is wrong with one. Nearly everything is a pattern to git; what it can only
// be by mistake is refused, before somebody relies on it.

/** In words, to follow the pattern; null when it is fine. */
export function patternProblem(pattern: string): string | null {
  const body = pattern.replace(/^!/, '')
  if (/[\n\r]/.test(pattern)) return 'must be one line'
  if (pattern.includes('\0')) return 'must not hold a NUL character'
  if (body.trim() === '' || /^\/+$/.test(body)) return 'names nothing'
  if (/(^|\/)\.\.?(\/|$)/.test(body))
    return 'must not hold . or .. as part of its path: it counts from the top of each source'
  if (/(^|[^\\])(\\\\)*\\$/.test(body)) return 'ends in a backslash, which has nothing to stand for'
  if (hasOpenBracket(body)) return 'has a [ without its ]; write \\[ for the character itself'
  return null
}

/** A ] right behind [ or [! is one of the characters meant. */
function hasOpenBracket(pattern: string): boolean {
  const rest = pattern.replace(/\\./gs, 'x').replace(/\[[!^]?(\[:\w+:\]|[^])(\[:\w+:\]|[^\]])*\]/g, 'x')
  return rest.includes('[')
}

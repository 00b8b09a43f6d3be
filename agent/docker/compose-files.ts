// Files of a project that Docker's labels do not name: those its compose files include or extend.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** `files` and all that they lead to, absolute. What cannot be read leads nowhere. */
export async function withIncluded(files: string[]): Promise<string[]> {
  const found = new Set<string>()
  const open = [...files]
  for (let file = open.shift(); file !== undefined; file = open.shift()) {
    if (found.has(file)) continue
    found.add(file)
    const text = await readFile(file, 'utf8').catch(() => '')
    open.push(...includedBy(text).map((path) => resolve(dirname(file), path)))
  }
  return [...found]
}

/**
 * Paths as a compose file writes them, below `include:` or as the `file:` of an `extends:`. It is read line by line, which
 * tells all that is written in the usual ways; Compose itself does not say what it included.
 */
export function includedBy(text: string): string[] {
  const paths: string[] = []
  let including = false
  for (const line of text.split('\n')) {
    if (/^\s*#/.test(line)) continue
    if (/^[^\s-]/.test(line)) including = line.startsWith('include:')
    const names = including ? line : (/(?:^|[\s{,])file:\s*(.+)/.exec(line)?.[1] ?? '')
    for (const [, path = ''] of names.matchAll(/(?<=^|[\s"'[,])([^\s"'[\],{}]+\.ya?ml)(?=["'\s\],}]|$)/g))
      paths.push(path)
  }
  return paths.filter((path) => !path.includes('://') && !path.includes('$'))
}

// What `docker compose pull` writes without a terminal: a line for each step of each layer. Pure.

/** Steps on the way, which nobody reads afterwards; what an image came to is none. */
export function isProgress(line: string): boolean {
  return /^\s*[0-9a-f]{12}\s/.test(line) || /\[[=> ]*\]/.test(line) || /^\s*\S+ Pulling\s*$/.test(line)
}

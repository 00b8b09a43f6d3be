// Tokens of downloads: 32 random bytes, of which only the hash is kept.
import { createHash, randomBytes } from 'node:crypto'
import type { Sql } from 'db/connect'
import { NotFound } from 'db/domain/errors'
import { addDownloadToken, getDownload, type Download } from 'db/queries/downloads'

export function newToken(): { token: string; hash: string } {
  const token = randomBytes(32).toString('base64url')
  return { token, hash: hashOf(token) }
}

export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

export function linkOf(origin: string, token: string): string {
  return `${origin}/download/${token}`
}

/**
 * A link with a token of its own, for one mail: the token that was shown at first is known to nobody but its owner.
 * `baseUrl` goes before the address people used when they asked. Null: the link has expired, or was deleted.
 */
export async function freshLink(
  sql: Sql,
  id: number,
  baseUrl: string | undefined,
  now: Date,
): Promise<(Download & { url: string }) | null> {
  const { token, hash } = newToken()
  if (!(await addDownloadToken(sql, id, hash))) return null
  try {
    const download = await getDownload(sql, id, now)
    return { ...download, url: linkOf(baseUrl ?? download.origin, token) }
  } catch (error) {
    if (error instanceof NotFound) return null
    throw error
  }
}

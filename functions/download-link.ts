// Tokens of downloads: 32 random bytes, of which only the hash is kept.
import { createHash, randomBytes } from 'node:crypto'

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

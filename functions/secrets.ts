// Keeps what must be read again, but by nobody who only has the database: sealed with a key made from SECRET_KEY.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** Thrown by `unseal` when SECRET_KEY is another than when it was sealed. */
export class WrongKey extends Error {
  override name = 'WrongKey'
}

/** AES-256-GCM. `purpose` makes the key: what was sealed for one purpose is not to be read for another. */
export function seal(secretKey: string, purpose: string, text: string): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyFor(secretKey, purpose), iv)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return ['v1', iv, cipher.getAuthTag(), sealed]
    .map((part) => (typeof part === 'string' ? part : part.toString('base64url')))
    .join('.')
}

/** Throws WrongKey. */
export function unseal(secretKey: string, purpose: string, text: string): string {
  const [version, iv, tag, sealed] = text.split('.')
  try {
    if (version !== 'v1' || iv === undefined || tag === undefined || sealed === undefined)
      throw new Error('no such form')
    const decipher = createDecipheriv('aes-256-gcm', keyFor(secretKey, purpose), Buffer.from(iv, 'base64url'), {
      authTagLength: 16,
    })
    decipher.setAuthTag(Buffer.from(tag, 'base64url'))
    return decipher.update(Buffer.from(sealed, 'base64url'), undefined, 'utf8') + decipher.final('utf8')
  } catch (cause) {
    throw new WrongKey('It was stored under another SECRET_KEY than the present one', { cause })
  }
}

function keyFor(secretKey: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, 'docker-archiver', purpose, 32))
}

// Fields of users that several routes share.
import { z } from '@hono/zod-openapi'
import { passwordLength, usernamePattern } from '../config.ts'
import { time } from './definitions.ts'

export const username = z
  .string()
  .regex(usernamePattern, 'must be 3 to 30 letters, digits, dots, dashes or underscores')
export const email = z.email('must be an e-mail address').max(254, 'must have at most 254 characters')
export const password = z
  .string()
  .min(passwordLength.min, `must have at least ${passwordLength.min} characters`)
  .max(passwordLength.max, `must have at most ${passwordLength.max} characters`)

export const Session = z
  .object({
    id: z.string(),
    current: z.boolean().openapi({ description: 'It is the one that asks' }),
    created_at: time,
    renewed_at: time.openapi({ description: 'About when it was used last: it is renewed once a day' }),
    expires_at: time,
    user_agent: z.string(),
    address: z.string().openapi({ description: 'Where it was begun' }),
  })
  .openapi('Session')

export const exampleSession = {
  id: 'p8Wd…',
  current: true,
  created_at: '2026-11-20T08:00:00.000Z',
  renewed_at: '2026-11-23T08:00:00.000Z',
  expires_at: '2026-11-30T08:00:00.000Z',
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0',
  address: '192.168.1.20',
}

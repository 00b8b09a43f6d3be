// A user's own API tokens: made, listed and deleted by people, never by tokens.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { Invalid } from 'db/domain/errors'
import { deleteToken, listTokens } from 'db/queries/users'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { peopleOnly } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { mayActAs } from 'db/domain/role'
import { body, json, Role, text, time } from './definitions.ts'

const Token = z
  .object({
    id: z.string(),
    name: z.string(),
    role: Role,
    expires_at: time.nullable(),
    last_used_at: time.nullable(),
    created_at: time,
  })
  .openapi('Token')

const NewToken = z
  .object({
    name: text.trim().min(1, 'must not be empty').max(100, 'must have at most 100 characters'),
    role: Role,
    expires_in_days: z
      .number()
      .int('must be a whole number')
      .min(1, 'must be 1 or more')
      .max(3650, 'must be 3650 or less')
      .optional(),
  })
  .openapi('NewToken')

const example = {
  id: 'x7Qp…',
  name: 'home automation',
  role: 'operator',
  expires_at: '2027-11-23T08:00:00.000Z',
  last_used_at: null,
  created_at: '2026-11-23T08:00:00.000Z',
}

export function tokens({ sql, auth }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags: ['Tokens'],
        summary: 'List my tokens',
        description:
          'The tokens of the user who asks, newest first. What a token says itself is shown only once, when it is made.',
        responses: { 200: json(z.object({ tokens: z.array(Token) }), 'My tokens', { tokens: [example] }) },
      }),
      async (c) => c.json({ tokens: await listTokens(sql, c.get('user').id) }, 200),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/',
        tags: ['Tokens'],
        summary: 'Make a token',
        description:
          'Makes a token for `Authorization: Bearer <token>`. It acts for its user, with the given role or the user’s own, whichever is less. Only people can make one.',
        middleware: peopleOnly,
        request: { body: body(NewToken, { name: 'home automation', role: 'operator', expires_in_days: 365 }) },
        responses: {
          201: json(Token.extend({ token: z.string() }), 'The token; `token` is shown this once', {
            ...example,
            token: 'archiver_…',
          }),
        },
      }),
      async (c) => {
        const { name, role, expires_in_days } = c.req.valid('json')
        const user = c.get('user')
        if (!mayActAs(user.role, role))
          throw new Invalid(`your own role is ${user.role}; a token cannot have more`, 'role')
        const made = await auth.api.createApiKey({
          body: {
            name,
            userId: user.id,
            permissions: { role: [role] },
            expiresIn: expires_in_days === undefined ? null : expires_in_days * 24 * 3600,
          },
        })
        const { id, key, createdAt, expiresAt } = made
        await audit(sql, c, 'token.create', 'token', id, { name, role, expires_at: expiresAt })
        return c.json(
          { id, name, role, token: key, created_at: createdAt, expires_at: expiresAt, last_used_at: null },
          201,
        )
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/{id}',
        tags: ['Tokens'],
        summary: 'Delete a token',
        description: 'The token stops working at once. Only people can delete one.',
        middleware: peopleOnly,
        request: { params: z.object({ id: text.max(100).openapi({ example: 'x7Qp…' }) }) },
        responses: { 204: { description: 'Deleted' } },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        await deleteToken(sql, c.get('user').id, id)
        await audit(sql, c, 'token.delete', 'token', id)
        return c.body(null, 204)
      },
    )
}

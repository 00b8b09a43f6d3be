// Who may sign in, and as what. Admins configure it, as people: a token makes and changes nobody.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { endSession, endSessions, listSessions } from 'db/queries/sessions'
import {
  changeUser,
  deleteUser,
  getUser,
  listUsers,
  refuseTaken,
  replacePassword,
  whileUsersAreLocked,
} from 'db/queries/users'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast, peopleOnly } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { body, json, Role, text, time } from './definitions.ts'
import { email, exampleSession, password, Session, username } from './people.ts'

const Account = z
  .object({
    id: z.string(),
    username: z.string(),
    email: z.string(),
    role: Role,
    banned: z.boolean(),
    ban_reason: z.string(),
    created_at: time,
    sessions: z.number().int().openapi({ description: 'How many browsers they are signed in with' }),
    tokens: z.number().int(),
  })
  .openapi('Account')

const example = {
  id: 'k3J…',
  username: 'ada',
  email: 'ada@example.org',
  role: 'operator',
  banned: false,
  ban_reason: '',
  created_at: '2026-11-01T08:00:00.000Z',
  sessions: 1,
  tokens: 0,
}

const NewUser = z.strictObject({ username, email, password, role: Role }).openapi('NewUser')
const UserChanges = z
  .strictObject({ username, email, role: Role, banned: z.boolean(), ban_reason: text.max(500) })
  .partial()
  .openapi('UserChanges')

const tags = ['Users']
const idText = text.max(100)
const params = z.object({ id: idText.openapi({ example: 'k3J…' }) })
const one = z.object({ user: Account })
const changing = [atLeast('admin'), peopleOnly]
const needs = 'Needs the role of an admin, and a person: tokens cannot.'
const lastAdmin = '409 when no admin would be left.'

export function users({ sql, auth }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags,
        summary: 'List users',
        description: 'All users by name. Needs the role of an admin.',
        middleware: atLeast('admin'),
        responses: { 200: json(z.object({ users: z.array(Account) }), 'All users', { users: [example] }) },
      }),
      async (c) => c.json({ users: await listUsers(sql) }, 200),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/',
        tags,
        summary: 'Create a user',
        description: `They can sign in at once. ${needs} 409 when the name or the address is taken.`,
        middleware: changing,
        request: {
          body: body(NewUser, {
            username: 'ada',
            email: 'ada@example.org',
            password: 'correct horse battery',
            role: 'operator',
          }),
        },
        responses: { 201: json(one, 'The new user', { user: example }) },
      }),
      async (c) => {
        const { username, email, password, role } = c.req.valid('json')
        const user = await whileUsersAreLocked(sql, async (locked) => {
          await refuseTaken(locked, { username, email })
          const made = await auth.api.createUser({
            body: { email, password, name: username, role, data: { username } },
          })
          return getUser(sql, made.user.id)
        })
        await audit(sql, c, 'user.create', 'user', user.id, { username: user.username, role })
        return c.json({ user }, 201)
      },
    )
    .openapi(
      createRoute({
        method: 'patch',
        path: '/{id}',
        tags,
        summary: 'Change a user',
        description: `Changes the fields that are given. Whoever is banned is signed out, and their tokens stop working until they are let in again. ${needs} ${lastAdmin}`,
        middleware: changing,
        request: { params, body: body(UserChanges, { role: 'operator' }) },
        responses: { 200: json(one, 'The changed user', { user: example }) },
      }),
      async (c) => {
        const changed = c.req.valid('json')
        const user = await changeUser(sql, c.req.valid('param').id, changed)
        await audit(sql, c, 'user.change', 'user', user.id, { username: user.username, changed })
        return c.json({ user }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/{id}',
        tags,
        summary: 'Delete a user',
        description: `With their sessions and tokens. What they did stays in the audit log. ${needs} ${lastAdmin}`,
        middleware: changing,
        request: { params },
        responses: { 204: { description: 'Deleted' } },
      }),
      async (c) => {
        const { id, username } = await deleteUser(sql, c.req.valid('param').id)
        await audit(sql, c, 'user.delete', 'user', id, { username })
        return c.body(null, 204)
      },
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/{id}/password',
        tags,
        summary: 'Set a user’s password',
        description: `For somebody who forgot it. All their sessions end. ${needs}`,
        middleware: changing,
        request: { params, body: body(z.strictObject({ password }), { password: 'battery staple correct' }) },
        responses: { 204: { description: 'Set' } },
      }),
      async (c) => {
        const { id, username } = await getUser(sql, c.req.valid('param').id)
        const context = await auth.$context
        await replacePassword(sql, id, await context.password.hash(c.req.valid('json').password))
        await audit(sql, c, 'user.password', 'user', id, { username })
        return c.body(null, 204)
      },
    )
    .openapi(
      createRoute({
        method: 'get',
        path: '/{id}/sessions',
        tags,
        summary: 'A user’s sessions',
        description: 'The browsers they are signed in with, newest first. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { params },
        responses: {
          200: json(z.object({ sessions: z.array(Session) }), 'Their sessions', {
            sessions: [{ ...exampleSession, current: false }],
          }),
        },
      }),
      async (c) => {
        const { id } = await getUser(sql, c.req.valid('param').id)
        const sessions = await listSessions(sql, id)
        const current = c.get('sessionId')
        return c.json({ sessions: sessions.map((session) => ({ ...session, current: session.id === current })) }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/{id}/sessions',
        tags,
        summary: 'Sign a user out everywhere',
        description: `All their sessions end at once. ${needs}`,
        middleware: changing,
        request: { params },
        responses: { 200: json(z.object({ ended: z.number().int() }), 'How many there were', { ended: 2 }) },
      }),
      async (c) => {
        const { id, username } = await getUser(sql, c.req.valid('param').id)
        const ended = await endSessions(sql, id)
        await audit(sql, c, 'session.end', 'user', id, { username, ended })
        return c.json({ ended }, 200)
      },
    )
    .openapi(
      createRoute({
        method: 'delete',
        path: '/{id}/sessions/{session_id}',
        tags,
        summary: 'End a user’s session',
        description: `That browser is signed out at once. ${needs}`,
        middleware: changing,
        request: { params: params.extend({ session_id: idText.openapi({ example: 'p8Wd…' }) }) },
        responses: { 204: { description: 'Ended' } },
      }),
      async (c) => {
        const { id, session_id } = c.req.valid('param')
        await endSession(sql, id, session_id)
        await audit(sql, c, 'session.end', 'session', session_id, { user_id: id })
        return c.body(null, 204)
      },
    )
}

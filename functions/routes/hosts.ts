// Machines whose stacks are archived, each with one agent.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { addHost, changeHost, listHosts } from 'db/queries/hosts'
import { randomBytes } from 'node:crypto'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { body, json, pathId, smallId, time } from './definitions.ts'

const Status = z.object({
  docker: z.object({ reachable: z.boolean(), version: z.string(), reason: z.string() }),
  archives_dir: z.string(),
  disk: z.object({ total_bytes: z.number(), free_bytes: z.number() }).nullable(),
  in_container: z.boolean(),
  mounts: z.array(
    z.object({
      path: z.string(),
      source: z.string(),
      verdict: z.enum(['scanned', 'exempt', 'mismatch', 'missing', 'unreadable']),
      stacks: z.number().int(),
      text: z.string(),
    }),
  ),
  unreachable_projects: z.array(z.object({ project: z.string(), working_dir: z.string(), text: z.string() })),
})

const Host = z
  .object({
    id: z.number().int(),
    name: z.string(),
    online: z.boolean().openapi({ description: 'Its agent was heard of within the last 60 s' }),
    last_seen_at: time.nullable(),
    agent_version: z.string(),
    agent_started_at: time.nullable(),
    parallel_stacks: z.number().int(),
    status: Status.nullable().openapi({
      description: 'What its agent says of the machine; null before its first start',
    }),
    created_at: time,
  })
  .openapi('Host')

const example = {
  id: 1,
  name: 'local',
  online: true,
  last_seen_at: '2026-11-23T08:00:00.000Z',
  agent_version: '0.1.0',
  agent_started_at: '2026-11-23T07:00:00.000Z',
  parallel_stacks: 1,
  status: {
    docker: { reachable: true, version: '28.2.2', reason: '' },
    archives_dir: '/archives',
    disk: { total_bytes: 500_000_000_000, free_bytes: 200_000_000_000 },
    in_container: true,
    mounts: [{ path: '/srv/stacks', source: '/srv/stacks', verdict: 'scanned', stacks: 5, text: '' }],
    unreachable_projects: [],
  },
  created_at: '2026-11-01T08:00:00.000Z',
}

const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,39}$/,
    'must be up to 40 small letters, digits, dots, dashes or underscores, beginning with a letter or digit',
  )

const HostChanges = z
  .strictObject({
    parallel_stacks: z
      .number('must be a whole number')
      .int('must be a whole number')
      .min(1, 'must be 1 or more')
      .max(16, 'must be 16 or less'),
  })
  .openapi('HostChanges')

export function hosts({ sql }: Server) {
  return new OpenAPIHono<Env>({ defaultHook: answerInvalid })
    .openapi(
      createRoute({
        method: 'get',
        path: '/',
        tags: ['Hosts'],
        summary: 'List hosts',
        description:
          'All hosts by name, with what their agents last said: Docker, disk, and each mount with its verdict.',
        responses: { 200: json(z.object({ hosts: z.array(Host) }), 'All hosts', { hosts: [example] }) },
      }),
      async (c) => c.json({ hosts: await listHosts(sql) }, 200),
    )
    .openapi(
      createRoute({
        method: 'post',
        path: '/',
        tags: ['Hosts'],
        summary: 'Add a host',
        description:
          'Makes the database role that the agent of the new host logs in with. Its password is shown this once. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { body: body(z.object({ name }).openapi('NewHost'), { name: 'nas' }) },
        responses: {
          201: json(
            z.object({ host: Host, role_name: z.string(), password: z.string() }),
            'The host, and how its agent logs in',
            {
              host: {
                ...example,
                id: 2,
                name: 'nas',
                online: false,
                last_seen_at: null,
                agent_started_at: null,
                agent_version: '',
                status: null,
              },
              role_name: 'archiver_host_nas',
              password: 'c2VjcmV0…',
            },
          ),
        },
      }),
      async (c) => {
        const { name } = c.req.valid('json')
        const password = randomBytes(24).toString('base64url')
        const host = await addHost(sql, name, password)
        await audit(sql, c, 'host.create', 'host', host.id, { name })
        return c.json({ host, role_name: `archiver_host_${name}`, password }, 201)
      },
    )
    .openapi(
      createRoute({
        method: 'patch',
        path: '/{id}',
        tags: ['Hosts'],
        summary: 'Change a host',
        description:
          'How many of its stacks are archived side by side; from now on, also in jobs that run. Needs the role of an admin.',
        middleware: atLeast('admin'),
        request: { params: pathId(smallId), body: body(HostChanges, { parallel_stacks: 2 }) },
        responses: { 200: json(z.object({ host: Host }), 'The changed host', { host: example }) },
      }),
      async (c) => {
        const changed = c.req.valid('json')
        const host = await changeHost(sql, c.req.valid('param').id, changed)
        await audit(sql, c, 'host.change', 'host', host.id, { name: host.name, changed })
        return c.json({ host }, 200)
      },
    )
}

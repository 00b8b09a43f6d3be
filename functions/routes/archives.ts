// Configurations: which stacks, how, when, and how long their backups are kept.
import { createRoute, OpenAPIHono, z, type RouteHandler } from '@hono/zod-openapi'
import { createArchive, deleteArchive, getArchive, listArchives, updateArchive } from 'db/queries/archives'
import { audit } from '../audit.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { Archive, archiveFields, exampleArchive, exampleSettings, newArchive } from './archive-fields.ts'
import { body, json, pathId, smallId } from './definitions.ts'

const tags = ['Archives']
const params = pathId(smallId)
const one = z.object({ archive: Archive })

export function archives({ sql, config }: Server) {
  const NewArchive = newArchive(config.timeZone)
  const ArchiveChanges = z.strictObject(archiveFields).partial().openapi('ArchiveChanges')

  const creates = {
    method: 'post',
    tags,
    summary: 'Create an archive',
    description: 'What is left out takes its default. Needs the role of an admin. 409 when the name is taken.',
    middleware: atLeast('admin'),
    request: { body: body(NewArchive, exampleSettings) },
    responses: { 201: json(one, 'The new archive', { archive: exampleArchive }) },
  } as const
  const changes = {
    tags,
    summary: 'Change an archive',
    description:
      'Changes the fields that are given. Its folder stays, so its backups stay together. Needs the role of an admin.',
    middleware: atLeast('admin'),
    request: { params, body: body(ArchiveChanges, { level: 9 }) },
    responses: { 200: json(one, 'The changed archive', { archive: { ...exampleArchive, level: 9 } }) },
  } as const
  const deletes = {
    tags,
    summary: 'Delete an archive',
    description:
      'Deletes the configuration. Its jobs stay. Its backups stay, too, unless `backups=trash` asks for a job that moves them into the trash, from where they can be taken back; pinned ones stay in any case. Needs the role of an admin. 409 while a job of it runs.',
    middleware: atLeast('admin'),
    request: {
      params,
      query: z.object({
        backups: z
          .enum(['keep', 'trash'], 'must be keep or trash')
          .default('keep')
          .openapi({ description: 'Whether its backups stay', example: 'keep' }),
      }),
    },
    responses: {
      202: json(z.object({ job_id: z.number().int() }), 'Deleted; this job moves its backups', { job_id: 124 }),
      204: { description: 'Deleted' },
    },
  } as const
  const createDefinition = createRoute({ ...creates, path: '/' })
  const changeDefinition = createRoute({ ...changes, method: 'patch', path: '/{id}' })
  const deleteDefinition = createRoute({ ...deletes, method: 'delete', path: '/{id}' })

  const create: RouteHandler<typeof createDefinition, Env> = async (c) => {
    const archive = await createArchive(sql, c.req.valid('json'))
    await audit(sql, c, 'archive.create', 'archive', archive.id, { name: archive.name })
    return c.json({ archive }, 201)
  }
  const change: RouteHandler<typeof changeDefinition, Env> = async (c) => {
    const changed = given(c.req.valid('json'))
    const archive = await updateArchive(sql, c.req.valid('param').id, changed)
    await audit(sql, c, 'archive.change', 'archive', archive.id, { name: archive.name, changed })
    return c.json({ archive }, 200)
  }
  const remove: RouteHandler<typeof deleteDefinition, Env> = async (c) => {
    const { id } = c.req.valid('param')
    const { name } = await getArchive(sql, id)
    const { backups } = c.req.valid('query')
    const job_id = await deleteArchive(sql, id, backups, c.get('byToken') ? 'api' : 'manual')
    await audit(sql, c, 'archive.delete', 'archive', id, { name, backups })
    return job_id === null ? c.body(null, 204) : c.json({ job_id }, 202)
  }

  return (
    new OpenAPIHono<Env>({ defaultHook: answerInvalid })
      .openapi(
        createRoute({
          method: 'get',
          path: '/',
          tags,
          summary: 'List archives',
          description: 'All archives by name, each with its last job.',
          responses: {
            200: json(z.object({ archives: z.array(Archive) }), 'All archives', { archives: [exampleArchive] }),
          },
        }),
        async (c) => c.json({ archives: await listArchives(sql) }, 200),
      )
      .openapi(createDefinition, create)
      .openapi(
        createRoute({
          method: 'get',
          path: '/{id}',
          tags,
          summary: 'One archive',
          description: 'The archive with its last job.',
          request: { params },
          responses: { 200: json(one, 'The archive', { archive: exampleArchive }) },
        }),
        async (c) => c.json({ archive: await getArchive(sql, c.req.valid('param').id) }, 200),
      )
      .openapi(changeDefinition, change)
      .openapi(deleteDefinition, remove)
      // the same three under the paths that scripts written for the Python program use
      .openapi(createRoute({ ...creates, path: '/create', deprecated: true }), create)
      .openapi(createRoute({ ...changes, method: 'post', path: '/{id}/edit', deprecated: true }), change)
      .openapi(createRoute({ ...deletes, method: 'post', path: '/{id}/delete', deprecated: true }), remove)
  )
}

/** Drops the fields that were not given, which zod types as possibly undefined. */
function given<Fields extends object>(changes: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as never
}

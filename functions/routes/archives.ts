// Configurations: which stacks, how. Running one starts a job.
import { createRoute, OpenAPIHono, z, type RouteHandler } from '@hono/zod-openapi'
import { archiveFormats, archiveModes, defaultArchive, levels } from 'db/domain/archive'
import { jobStatuses } from 'db/domain/job'
import { createArchive, deleteArchive, getArchive, listArchives, updateArchive } from 'db/queries/archives'
import { submitJob } from 'db/queries/jobs'
import { audit } from '../audit.ts'
import { isTimeZone } from '../config.ts'
import type { Env, Server } from '../context.ts'
import { atLeast } from '../middleware/session.ts'
import { answerInvalid } from '../problems.ts'
import { body, json, pathId, smallId, text, time } from './definitions.ts'

const fields = {
  name: text.trim().min(1, 'must not be empty').max(100, 'must have at most 100 characters'),
  stack_ids: z
    .array(z.number().int().min(1).max(smallId), 'must be a list of stack ids')
    .min(1, 'choose at least one stack')
    .max(1000, 'must name at most 1000 stacks'),
  mode: z.enum(archiveModes, `must be one of ${archiveModes.join(', ')}`),
  format: z.enum(archiveFormats, `must be one of ${archiveFormats.join(', ')}`),
  level: z
    .number()
    .int('must be a whole number')
    .min(levels.min, `must be ${levels.min} or more`)
    .max(levels.max, `must be ${levels.max} or less`),
  include_volumes: z.boolean(),
  max_downtime: z
    .number()
    .int('must be a whole number of seconds')
    .min(10, 'must be 10 seconds or more')
    .max(86_400, 'must be 86400 seconds (a day) or less')
    .openapi({ description: 'Seconds a stack may be down; then it is started and the backup given up' }),
  time_zone: z.string().refine(isTimeZone, 'must be a time zone such as Europe/Berlin'),
}

const Archive = z
  .object({
    ...fields,
    id: z.number().int(),
    folder: z.string().openapi({ description: 'Its folder below the archives folder of each host; never changes' }),
    created_at: time,
    updated_at: time,
    last_job: z
      .object({
        id: z.number().int(),
        status: z.enum(jobStatuses),
        created_at: z.string(),
        end_time: z.string().nullable(),
      })
      .nullable(),
  })
  .openapi('Archive')

const settings = { name: 'nightly', stack_ids: [7, 9], ...defaultArchive, time_zone: 'Europe/Berlin' }
const example = {
  ...settings,
  id: 3,
  folder: 'nightly',
  created_at: '2026-11-01T08:00:00.000Z',
  updated_at: '2026-11-01T08:00:00.000Z',
  last_job: {
    id: 123,
    status: 'success',
    created_at: '2026-11-23T01:00:00+00:00',
    end_time: '2026-11-23T01:02:11+00:00',
  },
}

const tags = ['Archives']
const params = pathId(smallId)
const one = z.object({ archive: Archive })

export function archives({ sql, config }: Server) {
  const NewArchive = z
    .strictObject({
      ...fields,
      mode: fields.mode.default(defaultArchive.mode),
      format: fields.format.default(defaultArchive.format),
      level: fields.level.default(defaultArchive.level),
      include_volumes: fields.include_volumes.default(defaultArchive.include_volumes),
      max_downtime: fields.max_downtime.default(defaultArchive.max_downtime),
      time_zone: fields.time_zone.default(config.timeZone),
    })
    .openapi('NewArchive')
  const ArchiveChanges = z.strictObject(fields).partial().openapi('ArchiveChanges')

  const creates = {
    method: 'post',
    tags,
    summary: 'Create an archive',
    description: 'What is left out takes its default. Needs the role of an admin. 409 when the name is taken.',
    middleware: atLeast('admin'),
    request: { body: body(NewArchive, settings) },
    responses: { 201: json(one, 'The new archive', { archive: example }) },
  } as const
  const changes = {
    tags,
    summary: 'Change an archive',
    description:
      'Changes the fields that are given. Its folder stays, so its backups stay together. Needs the role of an admin.',
    middleware: atLeast('admin'),
    request: { params, body: body(ArchiveChanges, { level: 9 }) },
    responses: { 200: json(one, 'The changed archive', { archive: { ...example, level: 9 } }) },
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
          responses: { 200: json(z.object({ archives: z.array(Archive) }), 'All archives', { archives: [example] }) },
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
          responses: { 200: json(one, 'The archive', { archive: example }) },
        }),
        async (c) => c.json({ archive: await getArchive(sql, c.req.valid('param').id) }, 200),
      )
      .openapi(changeDefinition, change)
      .openapi(deleteDefinition, remove)
      .openapi(
        createRoute({
          method: 'post',
          path: '/{id}/run',
          tags,
          summary: 'Run an archive',
          description:
            'Starts a job that archives all its stacks. Needs the role of an operator. 409 while a job of it has not finished.',
          middleware: atLeast('operator'),
          request: { params },
          responses: { 202: json(z.object({ job_id: z.number().int() }), 'The job that was started', { job_id: 124 }) },
        }),
        async (c) => {
          const trigger = c.get('byToken') ? 'api' : 'manual'
          const { id } = c.req.valid('param')
          const job_id = await submitJob(sql, id, trigger)
          await audit(sql, c, 'job.run', 'job', job_id, { archive_id: id })
          return c.json({ job_id }, 202)
        },
      )
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

// The HTTP API: every route, what stands before them, and how errors are told. Its type is what the pages compile against.
import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { sessionCookie } from './auth.ts'
import type { Env, Server } from './context.ts'
import { noteAddress } from './middleware/address.ts'
import { secureHeaders } from './middleware/headers.ts'
import { sameOrigin } from './middleware/origin.ts'
import { signedIn } from './middleware/session.ts'
import { answerErrors, Problem, problem } from './problems.ts'
import { serverFrom } from './serverless.ts'
import { archiveRuns } from './routes/archive-runs.ts'
import { archives } from './routes/archives.ts'
import { auditLog } from './routes/audit.ts'
import { auth } from './routes/auth.ts'
import { backupFacts } from './routes/backup-facts.ts'
import { backupSets } from './routes/backup-sets.ts'
import { backups } from './routes/backups.ts'
import { cleanup } from './routes/cleanup.ts'
import { dashboard } from './routes/dashboard.ts'
import { description, docs } from './routes/docs.ts'
import { download, publicDownloads } from './routes/download.ts'
import { backupDownloads, downloads, jobDownloads } from './routes/downloads.ts'
import { events } from './routes/events.ts'
import { health } from './routes/health.ts'
import { hosts } from './routes/hosts.ts'
import { jobs } from './routes/jobs.ts'
import { log } from './routes/log.ts'
import { me } from './routes/me.ts'
import { metrics } from './routes/metrics.ts'
import { profile } from './routes/profile.ts'
import { settings } from './routes/settings.ts'
import { retentionPreviews, schedulePreview } from './routes/previews.ts'
import { setup } from './routes/setup.ts'
import { stacks } from './routes/stacks.ts'
import { tokens } from './routes/tokens.ts'
import { transfers } from './routes/transfers.ts'
import { users } from './routes/users.ts'

export type Api = ReturnType<typeof makeApi>

const largestBody = 1024 * 1024

export function makeApi(server: Server) {
  const app = new OpenAPIHono<Env>()
  let document: ReturnType<typeof describe> | undefined
  app.onError(answerErrors(server.log))
  app.use(noteAddress(server.config.trustedProxies))
  app.use('/api/*', secureHeaders)
  app.use('/health', secureHeaders)
  app.use('/metrics', secureHeaders)
  // before what is for small bodies alone
  app.route('/api/transfers', transfers(server.transfers))
  app.use(
    '/api/*',
    bodyLimit({
      maxSize: largestBody, // what is left of the body is not read, so nothing else can come over this connection
      onError: (c) => problem(c, 413, { detail: 'The body is larger than 1 MiB' }, { Connection: 'close' }),
    }),
  )
  app.use('/api/*', sameOrigin(server.config.baseUrl))

  const open = app
    .route('/health', health(server))
    .route('/api/setup', setup(server))
    .route('/api/auth', auth(server))
    .route('/api/docs', docs())
    .route('/api/public/downloads', publicDownloads(server))
    .route('/download', download(server))
    .get('/api/openapi.json', (c) => c.json((document ??= describe(app, server.version))))

  app.use('/api/*', signedIn(server))
  app.use('/metrics', signedIn(server))
  const api = open
    .route('/api/me', me(server))
    .route('/api/me', profile(server))
    .route('/api/users', users(server))
    .route('/api/audit', auditLog(server))
    .route('/api/tokens', tokens(server))
    .route('/api/hosts', hosts(server))
    .route('/api/dashboard', dashboard(server))
    .route('/api/stacks', stacks(server))
    .route('/api/archives', archives(server))
    .route('/api/archives', archiveRuns(server))
    .route('/api', retentionPreviews(server))
    .route('/api/schedule', schedulePreview(server))
    .route('/api/jobs', jobs(server))
    .route('/api/jobs', log(server))
    .route('/api/backups', backups(server))
    .route('/api/backups', backupFacts(server))
    .route('/api/backups', backupSets(server))
    .route('/api/cleanup', cleanup(server))
    .route('/api/events', events(server))
    .route('/api/downloads', downloads(server))
    .route('/api/jobs', jobDownloads(server))
    .route('/api/backups', backupDownloads(server))
    .route('/metrics', metrics(server))
    .route('/api/settings', settings(server))
  app.all('/api/*', (c) =>
    problem(c, 404, { detail: `There is nothing at ${c.req.method} ${c.req.path}. /api/docs lists what there is` }),
  )
  return api
}

let app: ReturnType<typeof makeApi> | undefined

/** The API for platforms that bring requests and want answers; what it needs is read from the environment. */
export async function fetch(request: Request): Promise<Response> {
  app ??= makeApi(serverFrom(process.env))
  return app.fetch(request)
}

/** The whole API in OpenAPI 3.1. */
function describe(app: OpenAPIHono<Env>, version: string) {
  const registry = app.openAPIRegistry
  registry.register('Problem', Problem)
  registry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  registry.registerComponent('securitySchemes', 'cookie', { type: 'apiKey', in: 'cookie', name: sessionCookie })
  const document = app.getOpenAPI31Document({
    ...description,
    info: { ...description.info, version },
    security: [{ token: [] }, { cookie: [] }],
  })
  // any operation can answer with a problem; said once here, so that clients' types hold the good answers alone
  const trouble = {
    description: 'What went wrong, in words',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
  const operations = Object.values(document.paths ?? {}).flatMap((path) =>
    Object.values(path as Record<string, Operation>),
  )
  for (const operation of operations) operation.responses = { ...operation.responses, default: trouble }
  return document
}

interface Operation {
  responses?: object
}

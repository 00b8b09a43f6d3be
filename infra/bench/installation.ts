// An installation to measure: PostgreSQL with the settings people get, one server, and rows as after years.
import { join } from 'node:path'
import { connect, type Sql } from '../../db/connect.ts'
import { migrate } from '../../db/migrate.ts'
import { startPostgres } from '../start/postgres.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { startServer, type TestServer } from '../testbed/processes.ts'

export interface Installation extends AsyncDisposable {
  sql: Sql
  databaseUrl: string
  server: TestServer
  folder: string
  /** As a page asks, with the cookie of a session. */
  get(path: string): Promise<unknown>
}

export async function startInstallation(postgresSettings: string[] = []): Promise<Installation> {
  await using started = new AsyncDisposableStack()
  const folder = started.use(await temporaryFolder())
  const postgres = await startPostgres(join(folder.path, 'postgres'), 'bench', { settings: postgresSettings })
  started.defer(postgres.stop)
  await migrate(postgres.url)
  const sql = connect(postgres.url, { name: 'bench' })
  started.defer(() => sql.end())
  const server = started.use(await startServer({ databaseUrl: postgres.url }))
  const headers = { cookie: await signIn(server.url) }
  const ending = started.move()
  return {
    sql,
    databaseUrl: postgres.url,
    server,
    folder: folder.path,
    async get(path) {
      const response = await fetch(server.url + path, { headers })
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return response.json()
    },
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  }
}

async function signIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/auth/sign-in/username`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ username: 'admin', password: 'admin-password-1' }),
  })
  if (!response.ok) throw new Error(await response.text())
  const [cookie = ''] = response.headers.getSetCookie()
  return cookie.split(';')[0] ?? ''
}

/** A host with its role, as its agent connects. */
export async function addHost({ sql, databaseUrl }: Installation, name: string): Promise<{ id: number; url: string }> {
  const [row] = await sql<[{ id: number }]>`select archiver.register_host(${name}, 'bench-password') as id`
  const url = new URL(databaseUrl)
  url.username = `archiver_host_${name}`
  url.password = 'bench-password'
  return { id: row.id, url: url.href }
}

/** 5 hosts with 100 stacks, 50 archives; 10,000 jobs of 10 stacks each with 100,000 backups, of which most are deleted. */
export async function fillWithYears(installation: Installation): Promise<void> {
  const { sql } = installation
  for (let host = 1; host <= 5; host++) await addHost(installation, `host-${host}`)
  await sql.unsafe(`
    -- what began years ago is not told to the log today
    alter table archiver.jobs disable trigger user;
    insert into archiver.stacks (host_id, path, name, folder, compose_file, project, kind, containers, mounts, own)
    select 1 + n % 5, '/srv/stack-' || n, 'stack-' || n, 'stack-' || n, 'compose.yml', 'stack-' || n, 'nested',
      (select jsonb_agg(jsonb_build_object('id', md5(n || '-' || c), 'name', 'stack-' || n || '-web-' || c, 'service', 'web',
        'image', 'example/web:1', 'state', 'running', 'health', 'healthy')) from generate_series(1, 4) as c),
      '[{"type": "volume", "name": "data", "source": "", "target": "/data"}]', false
    from generate_series(1, 100) as n;

    insert into archiver.archives (name, folder, mode, format, level, include_volumes, max_downtime, time_zone,
      schedule_enabled, schedule_cron, next_run_at)
    select 'archive-' || n, 'archive-' || n, 'stop', 'tar.zst', 3, true, 900, 'Europe/Berlin', true, '0 3 * * *',
      now() + interval '10 hours'
    from generate_series(1, 50) as n;
    insert into archiver.archive_stacks select a, 1 + (a * 7 + s * 3) % 100
    from generate_series(1, 50) as a, generate_series(1, 10) as s on conflict do nothing;

    insert into archiver.jobs (job_type, archive_id, archive_name, status, triggered_by, created_at, start_time, end_time,
      total_size_bytes, last_line, phase)
    select 'archive', 1 + n % 50, 'archive-' || 1 + n % 50, case n % 20 when 7 then 'failed' when 8 then 'warning' else 'success' end,
      'schedule', at, at, at + interval '4 minutes', 5e9, 40, 3
    from (select n, now() - (10001 - n) * interval '30 minutes' as at from generate_series(1, 10000) as n) as made;
    insert into archiver.job_stacks (job_id, stack_id, host_id, stack_name, status, was_running, start_time, end_time,
      downtime_seconds, archive_path, archive_size_bytes, file_count)
    select j.id, s.id, s.host_id, s.name, 'success', true, j.start_time, j.end_time, 5.5, '/archives/x.tar.zst', 500000000, 6500
    from archiver.jobs as j
    cross join generate_series(0, 9) as k
    join archiver.stacks as s on s.id = 1 + (j.id + k * 10) % 100;
    insert into archiver.tasks (job_id, job_stack_id, host_id, kind, payload, state, epoch, outcome, claimed_at, finished_at)
    select job_id, id, host_id, 'archive_stack', '{}', 'finished', 1, '{"status": "success"}', start_time, end_time
    from archiver.job_stacks;
    insert into archiver.backups (host_id, stack_id, archive_id, job_id, archive_name, stack_name, path, format, state,
      size_bytes, file_count, sha256, created_at, verified_at, deleted_at)
    select s.host_id, s.stack_id, j.archive_id, j.id, j.archive_name, s.stack_name, j.archive_name || '/' || s.id || '.tar.zst',
      'tar.zst', case when j.id < 8000 and j.id % 10 > 0 then 'deleted' else 'good' end, 500000000, 6500, repeat('0', 64),
      s.end_time, s.end_time, case when j.id < 8000 and j.id % 10 > 0 then now() end
    from archiver.job_stacks as s join archiver.jobs as j on j.id = s.job_id;
    insert into archiver.log_lines (job_id, line, at, level, text)
    select j.id, n, j.start_time, 'info', 'a line of a job long ago, like so many others'
    from archiver.jobs as j, generate_series(1, 40) as n;
    alter table archiver.jobs enable trigger user;
  `)
  await sql.unsafe('vacuum analyze')
}

/** A job with a log that is long; resolves with its id. */
export async function fillLog({ sql }: Installation, lines: number): Promise<number> {
  const [job] = await sql<[{ id: number }]>`
    insert into archiver.jobs (job_type, archive_name, status, triggered_by, start_time, end_time, last_line)
    values ('archive', 'long', 'success', 'manual', now(), now(), ${lines}) returning id`
  await sql`
    insert into archiver.log_lines (job_id, line, at, level, text)
    select ${job.id}, n, now(), 'info', 'docker compose pull: 4f4fb700ef54: Pulling fs layer, step ' || n
    from generate_series(1, ${lines}) as n`
  await sql.unsafe('vacuum analyze archiver.log_lines')
  return job.id
}

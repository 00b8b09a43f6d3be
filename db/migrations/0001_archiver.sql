-- Hosts, stacks, archives, jobs, tasks, backups and the log; the doors through which work is asked for and done.

create schema archiver;

-- One row an agent: the machine it runs on. `epoch` counts the agent's starts; only the newest may act.
create table archiver.hosts (
  id integer generated always as identity primary key,
  name text not null unique check (name ~ '^[a-z0-9][a-z0-9._-]{0,39}$'),
  role_name name not null unique,
  epoch bigint not null default 0,
  agent_version text not null default '',
  agent_started_at timestamptz,
  last_seen_at timestamptz,
  parallel_stacks integer not null default 1 check (parallel_stacks between 1 and 16),
  status jsonb,
  created_at timestamptz not null default now()
);

create table archiver.stacks (
  id integer generated always as identity primary key,
  host_id integer not null references archiver.hosts on delete cascade,
  path text not null,
  name text not null,
  -- name of this stack's folder below an archive's: safe in a path, and one stack's alone on its host
  folder text not null,
  compose_file text not null,
  project text not null,
  kind text not null check (kind in ('direct', 'nested', 'project')),
  containers jsonb not null,
  mounts jsonb not null,
  own boolean not null,
  seen_at timestamptz not null default now(),
  gone_at timestamptz,
  unique (host_id, path),
  unique (host_id, folder)
);

create table archiver.archives (
  id integer generated always as identity primary key,
  name text not null unique check (name = btrim(name) and length(name) between 1 and 100),
  folder text not null unique,
  mode text not null check (mode in ('stop', 'pause', 'live')),
  format text not null check (format in ('tar.zst')),
  level integer not null check (level between 1 and 19),
  include_volumes boolean not null,
  -- seconds
  max_downtime integer not null check (max_downtime between 10 and 86400),
  time_zone text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table archiver.archive_stacks (
  archive_id integer not null references archiver.archives on delete cascade,
  stack_id integer not null references archiver.stacks on delete cascade,
  primary key (archive_id, stack_id)
);
create index on archiver.archive_stacks (stack_id);

create table archiver.jobs (
  id bigint generated always as identity primary key,
  job_type text not null check (job_type in ('archive', 'retention', 'cleanup', 'restore', 'verify', 'download')),
  archive_id integer references archiver.archives on delete set null,
  archive_name text not null,
  status text not null default 'queued'
    check (status in ('queued', 'running', 'success', 'warning', 'failed', 'cancelled')),
  reason text not null default '',
  triggered_by text not null check (triggered_by in ('manual', 'schedule', 'api', 'sql')),
  is_dry_run boolean not null default false,
  created_at timestamptz not null default now(),
  start_time timestamptz,
  end_time timestamptz,
  cancel_requested_at timestamptz,
  total_size_bytes bigint not null default 0,
  reclaimed_bytes bigint not null default 0,
  -- number of the last log line; taking the next ones locks the row, so lines become visible in their order
  last_line bigint not null default 0
);
create index on archiver.jobs (archive_id, id desc);
create index on archiver.jobs (id desc) where status in ('queued', 'running');

create table archiver.job_stacks (
  id bigint generated always as identity primary key,
  job_id bigint not null references archiver.jobs on delete cascade,
  stack_id integer references archiver.stacks on delete set null,
  host_id integer references archiver.hosts on delete set null,
  stack_name text not null,
  status text not null default 'queued'
    check (status in ('queued', 'running', 'success', 'warning', 'failed', 'cancelled')),
  reason text not null default '',
  was_running boolean,
  start_time timestamptz,
  end_time timestamptz,
  downtime_seconds double precision,
  archive_path text,
  archive_size_bytes bigint,
  file_count bigint,
  progress jsonb
);
create index on archiver.job_stacks (job_id);
create index on archiver.job_stacks (stack_id, id desc);

create table archiver.tasks (
  id bigint generated always as identity primary key,
  job_id bigint not null references archiver.jobs on delete cascade,
  job_stack_id bigint references archiver.job_stacks on delete cascade,
  host_id integer not null references archiver.hosts on delete cascade,
  kind text not null check (kind in ('archive_stack')),
  payload jsonb not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'finished')),
  epoch bigint,
  lease_until timestamptz,
  out_of_contact_since timestamptz,
  -- number of the last log line of this task that is stored; a line sent again is passed over
  last_seq bigint not null default 0,
  outcome jsonb,
  created_at timestamptz not null default now(),
  claimed_at timestamptz,
  finished_at timestamptz
);
create index on archiver.tasks (host_id, id) where state <> 'finished';
create index on archiver.tasks (job_id);

create table archiver.backups (
  id bigint generated always as identity primary key,
  host_id integer not null references archiver.hosts,
  stack_id integer references archiver.stacks on delete set null,
  archive_id integer references archiver.archives on delete set null,
  job_id bigint references archiver.jobs on delete set null,
  archive_name text not null,
  stack_name text not null,
  -- below the host's archives folder
  path text not null,
  format text not null,
  state text not null check (state in ('good', 'incomplete', 'corrupt', 'deleted')),
  size_bytes bigint not null,
  file_count bigint not null,
  sha256 text not null,
  created_at timestamptz not null,
  verified_at timestamptz not null,
  unique (host_id, path)
);
create index on archiver.backups (stack_id, id desc);
create index on archiver.backups (archive_id, id desc);
create index on archiver.backups (job_id);

create table archiver.log_lines (
  job_id bigint not null references archiver.jobs on delete cascade,
  line bigint not null,
  job_stack_id bigint,
  at timestamptz not null,
  level text not null check (level in ('debug', 'info', 'warn', 'error')),
  text text not null,
  primary key (job_id, line)
);
create index on archiver.log_lines (job_id, job_stack_id, line) where job_stack_id is not null;

-- Errors that callers know: 404 not found, 409 conflict, 410 stale epoch, 422 invalid (db/domain/errors.ts).
create function archiver.refuse(code text, message text) returns void
language plpgsql as $$
begin
  raise exception using errcode = code, message = refuse.message;
end
$$;

-- Says that rows changed: ids only, readers fetch the rows. One notice a resource and transaction is sent.
create function archiver.announce(resource text, id bigint default null) returns void
language sql as $$
  select pg_notify('archiver_events', json_build_object('resource', resource, 'id', id)::text)
$$;

create function archiver.wake_agent(host_id integer) returns void
language sql as $$
  select pg_notify('archiver_host_' || host_id, '')
$$;

create function archiver.write_log(
  job_id bigint, job_stack_id bigint, level text, text text, at timestamptz default clock_timestamp()
) returns void
language plpgsql as $$
declare
  taken bigint;
begin
  update archiver.jobs set last_line = last_line + 1 where id = write_log.job_id returning last_line into taken;
  insert into archiver.log_lines (job_id, line, job_stack_id, at, level, text)
  values (write_log.job_id, taken, write_log.job_stack_id, write_log.at, write_log.level, write_log.text);
  perform archiver.announce('log', write_log.job_id);
end
$$;

-- A name that is safe as one path component, and not longer than 100 bytes of ASCII.
create function archiver.folder_name(name text) returns text
language sql immutable as $$
  select coalesce(nullif(left(btrim(regexp_replace(name, '[^A-Za-z0-9._-]+', '_', 'g'), '._-'), 100), ''), 'unnamed')
$$;

-- The one door for work: the HTTP route, the schedule and anyone with psql come through here.
-- Makes the job, a row for each of its stacks and a task for each that is there, and wakes the agents.
create function archiver.submit_job(
  archive_id integer, triggered_by text default 'sql', is_dry_run boolean default false
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  archive archiver.archives;
  unfinished bigint;
  new_job bigint;
  chosen record;
  new_job_stack bigint;
  made_tasks integer := 0;
begin
  select * into archive from archiver.archives as a where a.id = submit_job.archive_id for update;
  if not found then
    perform archiver.refuse('AR404', format('There is no archive with id %s', submit_job.archive_id));
  end if;
  if submit_job.is_dry_run then
    perform archiver.refuse('AR422', 'Dry runs are not available yet');
  end if;
  select j.id into unfinished from archiver.jobs as j
  where j.archive_id = archive.id and j.status in ('queued', 'running') limit 1;
  if found then
    perform archiver.refuse('AR409', format('Job %s of archive "%s" has not finished yet', unfinished, archive.name));
  end if;

  insert into archiver.jobs (job_type, archive_id, archive_name, triggered_by, is_dry_run)
  values ('archive', archive.id, archive.name, submit_job.triggered_by, submit_job.is_dry_run)
  returning id into new_job;
  perform archiver.write_log(new_job, null, 'info', format('Phase 0: archive "%s", triggered by %s', archive.name, submit_job.triggered_by));

  for chosen in
    select s.*, h.name as host_name,
      coalesce((
        select b.size_bytes from archiver.backups as b
        where b.stack_id = s.id and b.archive_id = archive.id and b.state = 'good'
        order by b.id desc limit 1
      ), 0) as last_size_bytes
    from archiver.archive_stacks as c
    join archiver.stacks as s on s.id = c.stack_id
    join archiver.hosts as h on h.id = s.host_id
    where c.archive_id = archive.id
    order by h.name, s.name, s.id
  loop
    if chosen.gone_at is not null then
      insert into archiver.job_stacks (job_id, stack_id, host_id, stack_name, status, reason)
      values (new_job, chosen.id, chosen.host_id, chosen.name, 'failed',
        format('no compose file has been seen in %s on host %s since %s', chosen.path, chosen.host_name, date_trunc('second', chosen.gone_at)))
      returning id into new_job_stack;
      perform archiver.write_log(new_job, new_job_stack, 'error',
        format('Stack %s: no compose file has been seen in %s on host %s since %s', chosen.name, chosen.path, chosen.host_name, date_trunc('second', chosen.gone_at)));
      continue;
    end if;
    insert into archiver.job_stacks (job_id, stack_id, host_id, stack_name)
    values (new_job, chosen.id, chosen.host_id, chosen.name)
    returning id into new_job_stack;
    insert into archiver.tasks (job_id, job_stack_id, host_id, kind, payload)
    values (new_job, new_job_stack, chosen.host_id, 'archive_stack', jsonb_build_object(
      'stack', jsonb_build_object('path', chosen.path, 'name', chosen.name, 'folder', chosen.folder,
        'project', chosen.project, 'compose_file', chosen.compose_file),
      'archive', jsonb_build_object('name', archive.name, 'folder', archive.folder, 'mode', archive.mode,
        'format', archive.format, 'level', archive.level, 'include_volumes', archive.include_volumes,
        'max_downtime', archive.max_downtime, 'time_zone', archive.time_zone),
      'last_size_bytes', chosen.last_size_bytes));
    made_tasks := made_tasks + 1;
    perform archiver.wake_agent(chosen.host_id);
  end loop;

  if made_tasks = 0 then
    perform archiver.write_log(new_job, null, 'error',
      'No valid stacks found: the archive names no stack whose directory is there. Choose its stacks again, or check the mounts of the host.');
    perform archiver.settle_job(new_job);
  end if;
  perform archiver.announce('jobs', new_job);
  return new_job;
end
$$;

-- Hands a job whose tasks are all finished to the worker that closes it, in the same transaction.
create function archiver.settle_job(job_id bigint) returns void
language plpgsql as $$
begin
  if not exists (select from archiver.tasks as t where t.job_id = settle_job.job_id and t.state <> 'finished') then
    perform graphile_worker.add_job('finish_job', json_build_object('job_id', settle_job.job_id),
      job_key := 'finish_job:' || settle_job.job_id, max_attempts := 25);
  end if;
end
$$;

-- Writes what became of a task: to the task, its stack's row and, where a file was made, the backups.
create function archiver.close_task(task_id bigint, outcome jsonb) returns void
language plpgsql as $$
declare
  task archiver.tasks;
  made jsonb := nullif(outcome -> 'backup', 'null'::jsonb);
begin
  -- the job's row first, as everywhere: two tasks that end at once see each other, and nobody deadlocks
  perform from archiver.jobs as j
  where j.id = (select t.job_id from archiver.tasks as t where t.id = close_task.task_id) for update;
  update archiver.tasks as t
  set state = 'finished', outcome = close_task.outcome, finished_at = clock_timestamp(), lease_until = null, out_of_contact_since = null
  where t.id = close_task.task_id and t.state <> 'finished'
  returning * into task;
  if not found then
    return;
  end if;

  update archiver.job_stacks as s
  set status = outcome ->> 'status',
    reason = coalesce(outcome ->> 'reason', ''),
    was_running = (outcome ->> 'was_running')::boolean,
    end_time = clock_timestamp(),
    downtime_seconds = (outcome ->> 'downtime_seconds')::double precision,
    archive_path = outcome ->> 'archive_path',
    archive_size_bytes = (made ->> 'size_bytes')::bigint,
    file_count = (made ->> 'file_count')::bigint,
    progress = null
  where s.id = task.job_stack_id;

  if made is not null then
    insert into archiver.backups (host_id, stack_id, archive_id, job_id, archive_name, stack_name, path, format, state,
      size_bytes, file_count, sha256, created_at, verified_at)
    select task.host_id, s.stack_id, j.archive_id, j.id, j.archive_name, s.stack_name, made ->> 'path', made ->> 'format',
      case when (made ->> 'unreadable_count')::bigint > 0 then 'incomplete' else 'good' end,
      (made ->> 'size_bytes')::bigint, (made ->> 'file_count')::bigint, made ->> 'sha256',
      (made ->> 'created_at')::timestamptz, (made ->> 'verified_at')::timestamptz
    from archiver.jobs as j
    join archiver.job_stacks as s on s.job_id = j.id
    where s.id = task.job_stack_id
    on conflict (host_id, path) do nothing;
    perform archiver.announce('backups');
  end if;

  perform archiver.settle_job(task.job_id);
  perform archiver.announce('jobs', task.job_id);
end
$$;

-- Closes what has not begun, and asks the agents to give up what has.
create function archiver.cancel_job(job_id bigint) returns void
language plpgsql as $$
declare
  job archiver.jobs;
  task record;
begin
  select * into job from archiver.jobs as j where j.id = cancel_job.job_id for update;
  if not found then
    perform archiver.refuse('AR404', format('There is no job with id %s', cancel_job.job_id));
  end if;
  if job.status not in ('queued', 'running') then
    perform archiver.refuse('AR409', format('Job %s has already ended: %s', job.id, job.status));
  end if;
  if job.cancel_requested_at is not null then
    return;
  end if;
  update archiver.jobs as j set cancel_requested_at = now() where j.id = job.id;
  perform archiver.write_log(job.id, null, 'warn', 'Cancel was asked for');
  for task in select t.id, t.host_id, t.state from archiver.tasks as t where t.job_id = job.id and t.state <> 'finished' for update loop
    if task.state = 'queued' then
      perform archiver.close_task(task.id, '{"status": "cancelled", "reason": "cancelled before it began"}');
    else
      perform archiver.wake_agent(task.host_id);
    end if;
  end loop;
  perform archiver.announce('jobs', job.id);
end
$$;

-- Makes a host and the role its agent logs in with, or gives an existing one a new password.
-- Roles belong to the whole server: a role of that name that is not this host's own is refused.
create function archiver.register_host(name text, password text) returns integer
language plpgsql as $$
declare
  host archiver.hosts;
  role text := 'archiver_host_' || name;
begin
  select * into host from archiver.hosts as h where h.name = register_host.name;
  if not found then
    if exists (select from pg_roles where rolname = role) then
      perform archiver.refuse('AR409', format('There is a database role "%s" already, of another database', role));
    end if;
    insert into archiver.hosts (name, role_name) values (register_host.name, role) returning * into host;
    execute format('create role %I login connection limit 8', role);
    execute format('alter role %I set statement_timeout = %L', role, '30s');
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', role, '30s');
    execute format('grant connect on database %I to %I', current_database(), role);
    execute format('grant archiver_agent to %I', role);
  end if;
  execute format('alter role %I password %L', host.role_name, register_host.password);
  perform archiver.announce('hosts', host.id);
  return host.id;
end
$$;

-- What follows is all an agent may do. It finds its host by the role it logged in with, and can name no other.

create function archiver.agent_host(epoch bigint default null) returns archiver.hosts
language plpgsql as $$
declare
  host archiver.hosts;
begin
  -- the lock lets no newer epoch begin while this call is under way
  select * into host from archiver.hosts as h where h.role_name = session_user for no key update;
  if not found then
    perform archiver.refuse('AR404', format('The role "%s" is not the role of any host', session_user));
  end if;
  if agent_host.epoch is not null and agent_host.epoch <> host.epoch then
    perform archiver.refuse('AR410', format('A newer agent of host %s has started (epoch %s, this one has %s)', host.name, host.epoch, agent_host.epoch));
  end if;
  return host;
end
$$;

-- An agent has started: it takes the next epoch, and everything an older one left is closed.
-- `left_behind` is what the agent's journal knows of those tasks: [{task_id, outcome, lines}].
create function archiver.agent_start(agent_version text, status jsonb, left_behind jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  host archiver.hosts := archiver.agent_host();
  task record;
  known jsonb;
begin
  update archiver.hosts as h
  set epoch = h.epoch + 1, agent_version = agent_start.agent_version, status = agent_start.status,
    agent_started_at = now(), last_seen_at = now()
  where h.id = host.id returning * into host;

  for task in
    select t.id, t.job_id, t.job_stack_id from archiver.tasks as t
    where t.host_id = host.id and t.state = 'running' order by t.id
  loop
    select item into known from jsonb_array_elements(left_behind) as item where (item ->> 'task_id')::bigint = task.id;
    if known is null then
      perform archiver.write_log(task.job_id, task.job_stack_id, 'error',
        format('The agent of host %s was restarted during this step and left no record of it', host.name));
      perform archiver.close_task(task.id, jsonb_build_object('status', 'failed',
        'reason', format('the agent of host %s was restarted during this step', host.name)));
    else
      perform archiver.store_lines(task.id, known -> 'lines');
      perform archiver.close_task(task.id, known -> 'outcome');
    end if;
  end loop;
  perform archiver.announce('hosts', host.id);
  return jsonb_build_object('epoch', host.epoch, 'host_id', host.id, 'host_name', host.name);
end
$$;

-- I am alive: extends the lease of what runs, stores progress, and brings back which tasks are to be given up.
-- `status` null: nothing about the host has changed.
create function archiver.agent_heartbeat(epoch bigint, status jsonb, tasks jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  host archiver.hosts := archiver.agent_host(agent_heartbeat.epoch);
  held record;
begin
  update archiver.hosts as h
  set last_seen_at = now(), status = coalesce(agent_heartbeat.status, h.status) where h.id = host.id;
  if agent_heartbeat.status is not null then
    perform archiver.announce('hosts', host.id);
  end if;

  for held in
    select t.id, t.job_id, t.job_stack_id, t.out_of_contact_since, item -> 'progress' as progress
    from jsonb_array_elements(agent_heartbeat.tasks) as item
    join archiver.tasks as t on t.id = (item ->> 'id')::bigint
    where t.host_id = host.id and t.state = 'running' and t.epoch = host.epoch
    order by t.id
  loop
    if held.out_of_contact_since is not null then
      perform archiver.write_log(held.job_id, held.job_stack_id, 'info',
        format('The agent of host %s is in contact again; it had been out of contact since %s', host.name, date_trunc('second', held.out_of_contact_since)));
    end if;
    update archiver.tasks as t set lease_until = now() + interval '60 seconds', out_of_contact_since = null where t.id = held.id;
    update archiver.job_stacks as s set progress = held.progress where s.id = held.job_stack_id;
    perform archiver.announce('jobs', held.job_id);
  end loop;

  return jsonb_build_object('cancel', coalesce((
    select jsonb_agg(t.id) from archiver.tasks as t join archiver.jobs as j on j.id = t.job_id
    where t.host_id = host.id and t.state = 'running' and j.cancel_requested_at is not null
  ), '[]'::jsonb));
end
$$;

-- The next task of this host, or null. `holding` names the tasks this agent knows it holds: one that was given to
-- it in an answer that never arrived is given again.
create function archiver.agent_claim(epoch bigint, holding bigint[]) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  host archiver.hosts := archiver.agent_host(agent_claim.epoch);
  task archiver.tasks;
begin
  select * into task from archiver.tasks as t
  where t.host_id = host.id and t.state = 'running' and t.epoch = host.epoch and t.id <> all (agent_claim.holding)
  order by t.id limit 1;
  if not found then
    if (select count(*) from archiver.tasks as t where t.host_id = host.id and t.state = 'running') >= host.parallel_stacks then
      return null;
    end if;
    select * into task from archiver.tasks as t
    where t.host_id = host.id and t.state = 'queued' order by t.id for update skip locked limit 1;
    if not found then
      return null;
    end if;
    update archiver.jobs as j set status = 'running', start_time = coalesce(j.start_time, now())
    where j.id = task.job_id and j.status = 'queued';
    update archiver.job_stacks as s set status = 'running', start_time = now() where s.id = task.job_stack_id;
    perform archiver.announce('jobs', task.job_id);
  end if;
  update archiver.tasks as t
  set state = 'running', epoch = host.epoch, claimed_at = coalesce(t.claimed_at, now()), lease_until = now() + interval '60 seconds'
  where t.id = task.id;
  return jsonb_build_object('id', task.id, 'job_id', task.job_id, 'kind', task.kind, 'payload', task.payload);
end
$$;

create function archiver.store_lines(task_id bigint, lines jsonb) returns void
language plpgsql as $$
declare
  task archiver.tasks;
  taken bigint;
begin
  perform from archiver.jobs as j
  where j.id = (select t.job_id from archiver.tasks as t where t.id = store_lines.task_id) for update;
  select * into task from archiver.tasks as t where t.id = store_lines.task_id for update;

  with fresh as (
    select (item ->> 'seq')::bigint as seq, (item ->> 'at')::timestamptz as at, item ->> 'level' as level, item ->> 'text' as text
    from jsonb_array_elements(lines) as item
    where (item ->> 'seq')::bigint > task.last_seq
  ), numbered as (
    update archiver.jobs as j set last_line = j.last_line + (select count(*) from fresh)
    where j.id = task.job_id returning j.last_line - (select count(*) from fresh) as before
  )
  insert into archiver.log_lines (job_id, line, job_stack_id, at, level, text)
  select task.job_id, numbered.before + row_number() over (order by fresh.seq), task.job_stack_id, fresh.at, fresh.level, fresh.text
  from fresh, numbered;

  select max((item ->> 'seq')::bigint) into taken from jsonb_array_elements(lines) as item;
  update archiver.tasks as t set last_seq = greatest(t.last_seq, taken) where t.id = task.id;
  perform archiver.announce('log', task.job_id);
end
$$;

-- Checks that a task is this agent's own, whatever its state. Another host's task does not exist for it.
create function archiver.agent_task(host archiver.hosts, task_id bigint) returns void
language plpgsql as $$
begin
  if not exists (select from archiver.tasks as t where t.id = agent_task.task_id and t.host_id = host.id and t.epoch = host.epoch) then
    perform archiver.refuse('AR404', format('Task %s is not held by this agent', agent_task.task_id));
  end if;
end
$$;

-- Log lines of a task: [{seq, at, level, text}], in order. Sending them again does no harm.
create function archiver.agent_log(epoch bigint, task_id bigint, lines jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform archiver.agent_task(archiver.agent_host(agent_log.epoch), agent_log.task_id);
  perform archiver.store_lines(agent_log.task_id, agent_log.lines);
end
$$;

-- The result of a task. Sending it again does no harm.
create function archiver.agent_finish(epoch bigint, task_id bigint, outcome jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform archiver.agent_task(archiver.agent_host(agent_finish.epoch), agent_finish.task_id);
  perform archiver.close_task(agent_finish.task_id, agent_finish.outcome);
end
$$;

-- All stacks of the host as they are now. One that is missing is marked gone, never removed.
create function archiver.agent_report_stacks(epoch bigint, stacks jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  host archiver.hosts := archiver.agent_host(agent_report_stacks.epoch);
  seen record;
  base text;
  wanted text;
  suffix integer;
begin
  for seen in
    select * from jsonb_to_recordset(agent_report_stacks.stacks)
      as r(path text, name text, compose_file text, project text, kind text, containers jsonb, mounts jsonb, own boolean)
    order by path
  loop
    update archiver.stacks as s
    set name = seen.name, compose_file = seen.compose_file, project = seen.project, kind = seen.kind,
      containers = seen.containers, mounts = seen.mounts, own = seen.own, seen_at = now(), gone_at = null
    where s.host_id = host.id and s.path = seen.path;
    continue when found;
    base := archiver.folder_name(seen.name);
    wanted := base;
    suffix := 2;
    while exists (select from archiver.stacks as s where s.host_id = host.id and s.folder = wanted) loop
      wanted := base || '-' || suffix;
      suffix := suffix + 1;
    end loop;
    insert into archiver.stacks (host_id, path, name, folder, compose_file, project, kind, containers, mounts, own)
    values (host.id, seen.path, seen.name, wanted, seen.compose_file, seen.project, seen.kind, seen.containers, seen.mounts, seen.own);
  end loop;

  update archiver.stacks as s set gone_at = now()
  where s.host_id = host.id and s.gone_at is null
    and s.path not in (select item ->> 'path' from jsonb_array_elements(agent_report_stacks.stacks) as item);
  perform archiver.announce('stacks');
end
$$;

-- Says once of each task whose lease ran out that its agent is out of contact. Nothing is taken from it.
create function archiver.mark_out_of_contact() returns void
language plpgsql as $$
declare
  lost record;
begin
  for lost in
    select t.id, t.job_id, t.job_stack_id, t.lease_until, h.name as host_name
    from archiver.tasks as t join archiver.hosts as h on h.id = t.host_id
    where t.state = 'running' and t.lease_until < now() and t.out_of_contact_since is null
    order by t.id
  loop
    perform archiver.write_log(lost.job_id, lost.job_stack_id, 'warn',
      format('The agent of host %s has been out of contact since %s. It goes on by itself, and reports when it can reach the server again.',
        lost.host_name, date_trunc('second', lost.lease_until - interval '60 seconds')));
    update archiver.tasks as t set out_of_contact_since = lost.lease_until - interval '60 seconds' where t.id = lost.id and t.state = 'running';
    perform archiver.announce('jobs', lost.job_id);
  end loop;
end
$$;

-- Nobody may do anything but what is granted here. Rights that belong to the database itself are set after
-- each migration (db/migrate.ts), since a copy of a database does not carry them.
do $$
begin
  create role archiver_agent nologin;
exception when duplicate_object or unique_violation then null;
end
$$;
revoke all on schema archiver from public;
revoke execute on all functions in schema archiver from public;
alter default privileges in schema archiver revoke execute on functions from public;
grant usage on schema archiver to archiver_agent;
grant execute on function
  archiver.agent_start(text, jsonb, jsonb),
  archiver.agent_heartbeat(bigint, jsonb, jsonb),
  archiver.agent_claim(bigint, bigint[]),
  archiver.agent_log(bigint, bigint, jsonb),
  archiver.agent_finish(bigint, bigint, jsonb),
  archiver.agent_report_stacks(bigint, jsonb)
to archiver_agent;

-- What the control plane keeps beside the main job: settings, schedules, the life of a backup after it was made,
-- downloads with their transfers, mails, and who did what.

-- One row a section (db/domain/settings.ts); what a row leaves out has its default.
create table archiver.settings (
  section text primary key check (section in ('general', 'notifications', 'security', 'cleanup')),
  value jsonb not null,
  updated_at timestamptz not null default now()
);

alter table archiver.archives
  drop constraint archives_format_check,
  add constraint archives_format_check check (format in ('tar', 'tar.gz', 'tar.zst', 'folder')),
  -- all stacks of this host, those found later included; beside those chosen one by one
  add column all_stacks_of_host integer references archiver.hosts on delete set null,
  -- patterns as in a .gitignore
  add column exclude text[] not null default '{}',
  add column schedule_enabled boolean not null default false,
  add column schedule_cron text not null default '0 3 * * *',
  -- seconds a run may be late and still run; 0: never
  add column catch_up_window integer not null default 10800 check (catch_up_window between 0 and 604800),
  -- null while the schedule is off or never fires
  add column next_run_at timestamptz,
  add column retention_keep_days integer not null default 7 check (retention_keep_days between 0 and 10000),
  add column retention_keep_weeks integer not null default 4 check (retention_keep_weeks between 0 and 10000),
  add column retention_keep_months integer not null default 6 check (retention_keep_months between 0 and 10000),
  add column retention_keep_years integer not null default 2 check (retention_keep_years between 0 and 10000),
  add column retention_one_per_day boolean not null default false,
  add constraint keeps_something check (
    retention_keep_days + retention_keep_weeks + retention_keep_months + retention_keep_years > 0);
create index on archiver.archives (next_run_at) where schedule_enabled;

-- What became of each time a schedule was due, when no job was started for it.
create table archiver.missed_runs (
  id bigint generated always as identity primary key,
  -- null: the cleanup's schedule
  archive_id integer references archiver.archives on delete cascade,
  scheduled_for timestamptz not null,
  reason text not null,
  recorded_at timestamptz not null default now()
);
create index on archiver.missed_runs (archive_id, scheduled_for desc);

alter table archiver.jobs
  -- what this job was asked beyond its archive: {dry_run: {...}} or {tasks: [...]} (db/domain/job.ts)
  add column options jsonb not null default '{}',
  add column scheduled_for timestamptz,
  add column phase smallint not null default 0 check (phase between 0 and 3),
  -- what retention or cleanup decided and did, for the page and the report (db/domain/job.ts)
  add column results jsonb not null default '{}';
create index on archiver.jobs (end_time) where end_time is not null;

alter table archiver.job_stacks
  add column not_covered text[] not null default '{}',
  -- what pulling its images came to: PullResult of db/domain/task.ts
  add column pull jsonb,
  add column reclaimed_bytes bigint not null default 0;

alter table archiver.tasks
  drop constraint tasks_kind_check,
  add constraint tasks_kind_check check (kind in ('archive_stack', 'delete_backups', 'trash_backups', 'untrash_backups',
    'verify_backups', 'clean_up', 'fix_permissions', 'send_bytes', 'prepare_download'));

alter table archiver.backups
  add column pinned boolean not null default false,
  -- in the trash since then; trash_path is below the host's archives folder
  add column trashed_at timestamptz,
  add column trash_path text,
  add column deleted_at timestamptz,
  add column delete_reason text not null default '',
  -- what was wrong when it was read back last; empty when nothing was
  add column verify_error text not null default '',
  -- when a person said that a backup much smaller than the one before is right
  add column acknowledged_at timestamptz;
create index on archiver.backups (verified_at) where state <> 'deleted';

-- A link that gives one backup to whoever has it. Only the hash of its token is kept.
create table archiver.downloads (
  id bigint generated always as identity primary key,
  token_hash text not null unique,
  backup_id bigint not null references archiver.backups,
  created_by text not null default '',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- who is told when the file is there
  notify_emails text[] not null default '{}',
  last_used_at timestamptz,
  use_count integer not null default 0
);
create index on archiver.downloads (backup_id);
create index on archiver.downloads (expires_at);

-- A folder backup packed into one file on its host, while downloads of it are valid.
create table archiver.prepared_files (
  backup_id bigint primary key references archiver.backups,
  state text not null check (state in ('preparing', 'ready', 'failed')),
  job_id bigint references archiver.jobs on delete set null,
  -- on the host
  path text,
  size_bytes bigint,
  sha256 text,
  reason text not null default '',
  updated_at timestamptz not null default now()
);

-- A mail that is to be sent, or was. Kept so that it is seen whether anybody was told.
create table archiver.mails (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('report', 'error', 'cleanup', 'link', 'corrupt', 'test')),
  job_id bigint references archiver.jobs on delete cascade,
  download_id bigint references archiver.downloads on delete cascade,
  recipients text[] not null,
  state text not null default 'queued' check (state in ('queued', 'sent', 'failed')),
  attempts integer not null default 0,
  last_error text not null default '',
  created_at timestamptz not null default now(),
  sent_at timestamptz
);
create unique index on archiver.mails (kind, job_id) where job_id is not null and kind <> 'link';

-- Who changed, ran or downloaded what. Kept when its user is gone.
create table archiver.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  user_id text,
  user_name text not null,
  by_token boolean not null default false,
  action text not null,
  resource text not null,
  resource_id text not null default '',
  detail jsonb not null default '{}',
  address text not null default ''
);
create index on archiver.audit_log (at desc);

-- Tasks of one lane wait for each other, so that a long archive keeps no download waiting.
create function archiver.lane(kind text) returns text
language sql immutable as $$
  select case kind when 'archive_stack' then 'archive' when 'send_bytes' then 'send' else 'care' end
$$;

-- How many tasks of a lane a host works on at once: a transfer whose reader is slow holds its place for as long as it reads.
create function archiver.lane_width(host archiver.hosts, kind text) returns integer
language sql immutable as $$
  select case archiver.lane(kind) when 'archive' then host.parallel_stacks when 'send' then 16 else 1 end
$$;

-- One step for a host's agent, which is woken.
create function archiver.add_task(job_id bigint, job_stack_id bigint, host_id integer, kind text, payload jsonb) returns bigint
language plpgsql as $$
declare
  made bigint;
begin
  insert into archiver.tasks (job_id, job_stack_id, host_id, kind, payload)
  values (add_task.job_id, add_task.job_stack_id, add_task.host_id, add_task.kind, add_task.payload) returning id into made;
  perform archiver.wake_agent(add_task.host_id);
  return made;
end
$$;

-- The one door for whoever has psql or a program: `select archiver.submit_job(3)`. `is_dry_run`: says what would
-- happen and changes nothing. For the role archiver_client, which may do nothing else, the trigger is always sql.
create or replace function archiver.submit_job(
  archive_id integer, triggered_by text default 'sql', is_dry_run boolean default false
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  is_client boolean := not pg_has_role(session_user, current_user, 'member');
begin
  return archiver.start_archive_job(submit_job.archive_id, case when is_client then 'sql' else submit_job.triggered_by end,
    case when submit_job.is_dry_run then '{"dry_run": {"stop_containers": true, "create_archive": true, "run_retention": true}}'::jsonb
      else '{}'::jsonb end);
end
$$;

-- A job that is not about archiving: retention, cleanup, verify, download. Its tasks are added by the caller, in the
-- same transaction, who then calls settle_job in case there was none to add.
create function archiver.start_job(job_type text, archive_id integer, archive_name text, triggered_by text, is_dry_run boolean, options jsonb)
returns bigint
language plpgsql as $$
declare
  made bigint;
begin
  insert into archiver.jobs (job_type, archive_id, archive_name, triggered_by, is_dry_run, options)
  values (start_job.job_type, start_job.archive_id, start_job.archive_name, start_job.triggered_by, start_job.is_dry_run, start_job.options)
  returning id into made;
  perform archiver.announce('jobs', made);
  return made;
end
$$;

-- `made`: a MadeBackup of db/domain/task.ts, or null. The same path is recorded once.
create function archiver.record_backup(task archiver.tasks, made jsonb) returns void
language plpgsql as $$
begin
  if made is null then
    return;
  end if;
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
end
$$;

-- As before, and: what an agent out of contact has begun is closed, too.
create or replace function archiver.cancel_job(job_id bigint) returns void
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
  if job.cancel_requested_at is null then
    update archiver.jobs as j set cancel_requested_at = now() where j.id = job.id;
    perform archiver.write_log(job.id, null, 'warn', 'Cancel was asked for');
  end if;
  for task in select t.id, t.host_id, t.state, t.lease_until from archiver.tasks as t where t.job_id = job.id and t.state <> 'finished' for update loop
    if task.state = 'queued' then
      perform archiver.close_task(task.id, '{"status": "cancelled", "reason": "cancelled before it began"}');
    elsif task.lease_until < now() - interval '5 minutes' then
      -- its agent may never come back; if it does, it is told to give up, and a backup it had made is kept
      perform archiver.close_task(task.id, '{"status": "cancelled", "reason": "cancelled while its agent was out of contact"}');
    else
      perform archiver.wake_agent(task.host_id);
    end if;
  end loop;
  perform archiver.announce('jobs', job.id);
end
$$;

-- As before, and: a backup made in a task that was closed meanwhile is recorded all the same.
-- `left_behind` is what the agent's journal knows of those tasks: [{task_id, outcome, lines}].
create or replace function archiver.agent_start(agent_version text, status jsonb, left_behind jsonb) returns jsonb
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
    select t.id, t.job_id, t.job_stack_id, t.state from archiver.tasks as t
    where t.host_id = host.id
      and (t.state = 'running' or t.id in (select (item ->> 'task_id')::bigint from jsonb_array_elements(left_behind) as item))
    order by t.id
  loop
    select item into known from jsonb_array_elements(left_behind) as item where (item ->> 'task_id')::bigint = task.id;
    if known is null then
      perform archiver.write_log(task.job_id, task.job_stack_id, 'error',
        format('The agent of host %s was restarted during this step and left no record of it', host.name));
      perform archiver.close_task(task.id, jsonb_build_object('status', 'failed',
        'reason', format('the agent of host %s was restarted during this step', host.name)));
    else
      if task.state = 'running' then
        perform archiver.store_lines(task.id, known -> 'lines');
      end if;
      perform archiver.close_task(task.id, known -> 'outcome');
    end if;
  end loop;
  perform archiver.announce('hosts', host.id);
  return jsonb_build_object('epoch', host.epoch, 'host_id', host.id, 'host_name', host.name);
end
$$;

-- As before, and: what was closed without its agent is to be given up, too.
-- `status` null: nothing about the host has changed.
create or replace function archiver.agent_heartbeat(epoch bigint, status jsonb, tasks jsonb) returns jsonb
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
    where t.host_id = host.id and j.cancel_requested_at is not null
      and t.id in (select (item ->> 'id')::bigint from jsonb_array_elements(agent_heartbeat.tasks) as item)
  ), '[]'::jsonb));
end
$$;

-- As before, and: what a task did to existing backups, what is not covered, what pulling came to.
create or replace function archiver.close_task(task_id bigint, outcome jsonb) returns void
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
    -- closed without its agent: what the agent had made or done by then is true all the same
    select * into task from archiver.tasks as t where t.id = close_task.task_id;
    perform archiver.record_backup(task, made);
    if jsonb_typeof(outcome -> 'backups') = 'array' then
      perform archiver.record_care(task, outcome);
    end if;
    return;
  end if;

  if task.kind = 'archive_stack' then
    update archiver.job_stacks as s
    set status = outcome ->> 'status',
      reason = coalesce(outcome ->> 'reason', ''),
      was_running = (outcome ->> 'was_running')::boolean,
      end_time = clock_timestamp(),
      downtime_seconds = (outcome ->> 'downtime_seconds')::double precision,
      archive_path = outcome ->> 'archive_path',
      archive_size_bytes = (made ->> 'size_bytes')::bigint,
      file_count = (made ->> 'file_count')::bigint,
      not_covered = coalesce((select array_agg(item) from jsonb_array_elements_text(nullif(outcome -> 'not_covered', 'null'::jsonb)) as item), '{}'),
      pull = nullif(outcome -> 'pull', 'null'::jsonb),
      progress = null
    where s.id = task.job_stack_id;
    perform archiver.record_backup(task, made);
  elsif jsonb_typeof(outcome -> 'backups') = 'array' then
    perform archiver.record_care(task, outcome);
  end if;
  perform archiver.settle_job(task.job_id);
  perform archiver.announce('jobs', task.job_id);
end
$$;

-- A role for programs: it may submit jobs, and nothing else. Give it to a login with `grant archiver_client to <name>`.
do $$
begin
  create role archiver_client nologin;
exception when duplicate_object or unique_violation then null;
end
$$;
grant usage on schema archiver to archiver_client;
grant execute on function archiver.submit_job(integer, text, boolean) to archiver_client;
revoke execute on all functions in schema archiver from public;
